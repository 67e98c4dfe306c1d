//! XDM documents: JSON Schemas as they are published, with descriptors and labels beside them, become fields.
//!
//! `document.rs` finds what a `$ref` refers to, `shape.rs` gathers what is said of a value from all that speaks of it,
//! `compose.rs` walks the documents, and `beside.rs` reads what stands beside them.

use std::collections::BTreeMap;

use domain::label::Label;
use domain::namespace::NamespaceCode;
use domain::schema::{Class, Field, FieldType, Fields, IdentityDescriptor, Schema};
use domain::value::FieldPath;

use crate::forms::schema;
use crate::problem::{Notes, Position, Problem, Problems};
use crate::read::At;

mod beside;
mod compose;
mod document;
mod name;
mod shape;

use compose::{Composed, Fault};
use document::{Document, Library};

const WHERE_DOCUMENTS_ARE: &str = "add that document to the others: in a project to `schemas/xdm/`, for `tributary schema` to the folder of this one or to one that `--with` names";

/// The classes by their `$id`. A prospect is a profile whose schema is keyed by a partner's ID.
const CLASSES: [(&str, Class); 3] = [
    ("https://ns.adobe.com/xdm/context/profile", Class::Profile),
    ("https://ns.adobe.com/xdm/context/prospect-profile", Class::Profile),
    ("https://ns.adobe.com/xdm/context/experienceevent", Class::ExperienceEvent),
];

/// How many definitions of a document without fields are looked at.
const MOST_DEFINITIONS: usize = 100;

/// How the files beside a document end.
const DESCRIPTORS: &str = ".descriptors.json";
const LABELS: &str = ".labels.json";

/// XDM documents by their files: those that are schemas, those that they refer to, and what stands beside them.
#[derive(Default)]
pub struct Documents {
    library: Library,
    numbers: BTreeMap<String, usize>,
    /// What stands beside documents, by the documents' files without their endings.
    beside: BTreeMap<String, Vec<Document>>,
}

/// What an XDM document says of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// Its title, or else the name of its file.
    pub title: String,
    /// What it is for.
    pub description: Option<String>,
    /// What its records are, where it extends a class.
    pub class: Option<Class>,
    /// Its fields, with labels and identities.
    pub fields: Fields,
    /// What it defines for others, by name, where it has no fields itself.
    pub definitions: Fields,
    /// What of it is taken otherwise than it is written.
    pub warnings: Vec<Problem>,
}

/// What a document says, with places.
pub(crate) struct Draft {
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) class: Option<Class>,
    pub(crate) fields: Vec<DraftField>,
    /// Every label that is used, by the file that uses it.
    pub(crate) labels: Vec<(String, Vec<At<Label>>)>,
    pub(crate) warnings: Vec<Problem>,
}

pub(crate) struct DraftField {
    pub(crate) path: At<FieldPath>,
    pub(crate) field: Field,
    pub(crate) labels: Vec<At<Label>>,
    pub(crate) identity: Option<(At<NamespaceCode>, bool)>,
}

/// The name of the schema that a file holds, or that it stands beside.
pub(crate) fn stem(file: &str) -> &str {
    let stem = file
        .strip_suffix(DESCRIPTORS)
        .or_else(|| file.strip_suffix(LABELS))
        .or_else(|| file.strip_suffix(".json"));
    let stem = stem.unwrap_or(file);
    stem.strip_suffix(".schema").unwrap_or(stem)
}

/// Whether a file stands beside a document, and is none itself.
pub(crate) fn is_beside(file: &str) -> bool {
    file.ends_with(DESCRIPTORS) || file.ends_with(LABELS)
}

impl Documents {
    /// Adds a document, or one that stands beside it: `a.descriptors.json` and `a.labels.json` beside `a.json`.
    ///
    /// # Errors
    /// Where it is no JSON, is too large, or has the `$id` of another.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), Problems> {
        let mut problems = Vec::new();
        self.note_and_add(file, text, &mut problems);
        Problems::unless_none(problems)
    }

    pub(crate) fn note_and_add(&mut self, file: &str, text: &str, problems: &mut Vec<Problem>) {
        let mut notes = Notes::of(file, problems);
        let Some(document) = Document::parse(file, text, &mut notes) else { return };
        if is_beside(file) {
            self.beside.entry(stem(file).to_owned()).or_default().push(document);
            return;
        }
        let at = document.place("/$id");
        match self.library.add(document) {
            Ok(number) => drop(self.numbers.insert(file.to_owned(), number)),
            Err(other) => {
                let help = "keep one of the two".to_owned();
                notes.note(at, format!("{other} has the same `$id`"), help);
            }
        }
    }

    /// Adds descriptors or labels of a document that do not stand beside it.
    ///
    /// # Errors
    /// Where they are no JSON, or are too large.
    pub fn add_beside(&mut self, document: &str, file: &str, text: &str) -> Result<(), Problems> {
        let mut problems = Vec::new();
        let parsed = Document::parse(file, text, &mut Notes::of(file, &mut problems));
        if let Some(parsed) = parsed {
            self.beside.entry(stem(document).to_owned()).or_default().push(parsed);
        }
        Problems::unless_none(problems)
    }

    /// What a document that was added says, with what was added beside it.
    ///
    /// # Errors
    /// Everything that is wrong with it, and with what it refers to.
    pub fn describe(&self, file: &str) -> Result<Described, Problems> {
        let mut problems = Vec::new();
        let draft = self.draft(file, &mut problems);
        if let Some(draft) = &draft {
            draft.check(&mut Notes::of(file, &mut problems));
        }
        let has_fields = draft.as_ref().is_none_or(|draft| !draft.fields.is_empty());
        let definitions = if has_fields { Fields::new() } else { self.definitions(file, &mut problems) };
        Problems::unless_none(problems)?;
        let draft = draft.unwrap_or_else(Draft::empty);
        let described = draft.described(stem(file.rsplit('/').next().unwrap_or(file)));
        Ok(Described { definitions, ..described })
    }

    /// What a document defines, each as an object.
    fn definitions(&self, file: &str, problems: &mut Vec<Problem>) -> Fields {
        let mut definitions = Fields::new();
        let number = self.numbers.get(file).copied();
        let document = number.and_then(|number| Some((number, self.library.document(number)?)));
        let Some((number, document)) = document else { return definitions };
        for key in ["definitions", "$defs"] {
            let names = document.json.get(key).and_then(serde_json::Value::as_object).into_iter().flatten();
            let names: Vec<&String> = names.map(|(name, _)| name).take(MOST_DEFINITIONS).collect();
            let pointer = |name: &&String| format!("/{key}/{}", name.replace('~', "~0").replace('/', "~1"));
            let pointers: Vec<String> = names.iter().map(pointer).collect();
            let (shapes, faults) = compose::compose_parts(&self.library, number, &pointers);
            problems.extend(faults.into_iter().map(|fault| self.problem(fault)));
            for (name, shape) in names.into_iter().zip(shapes) {
                let fields = shape::fields(shape.members, &shape.required, &shape.place, &mut Vec::new());
                if !fields.is_empty() {
                    definitions.insert(name.clone(), Field::of(FieldType::Object(fields)));
                }
            }
        }
        definitions
    }

    pub(crate) fn draft(&self, file: &str, problems: &mut Vec<Problem>) -> Option<Draft> {
        let number = *self.numbers.get(file)?;
        let Composed { mut shape, extends, faults, warnings } = compose::compose(&self.library, number);
        let before = problems.len();
        for fault in faults {
            problems.push(self.problem(fault));
        }
        if problems.len() > before {
            return None;
        }
        let (title, description) = (shape.title.take(), shape.description.take());
        let mut places = BTreeMap::new();
        find_places(None, &shape, &mut places);
        let mut left_out = Vec::new();
        let fields = shape::fields(shape.members, &shape.required, &shape.place, &mut left_out);
        let left_out = left_out.into_iter().map(|shape::LeftOut { place, message }| Fault {
            place,
            message,
            help: None,
        });
        let mut warnings: Vec<Problem> =
            warnings.into_iter().chain(left_out).map(|it| self.problem(it)).collect();
        warnings.sort();
        warnings.dedup();
        let fields = domain::schema::leaves(&fields)
            .into_iter()
            .map(|(path, field)| DraftField {
                path: At { at: self.place(number, places.get(&path)), value: path },
                field: field.clone(),
                labels: Vec::new(),
                identity: None,
            })
            .collect();
        let class = CLASSES.iter().find(|(id, _)| extends.contains(*id)).map(|(_, class)| *class);
        let mut draft = Draft { title, description, class, fields, labels: Vec::new(), warnings };
        for document in self.beside.get(stem(file)).into_iter().flatten() {
            let is_known = |id: &str| self.library.with_id(id).is_some();
            draft.add_beside(document, &extends, is_known, problems);
        }
        Some(draft)
    }

    /// Where a field is described, if that is in the document itself.
    fn place(&self, number: usize, place: Option<&shape::Place>) -> Position {
        let own = place.filter(|place| place.0 == number).zip(self.library.document(number));
        own.map_or(Position::START, |(place, document)| document.place(&place.1))
    }

    fn problem(&self, fault: Fault) -> Problem {
        let Fault { place: (number, pointer), message, help } = fault;
        let document = self.library.document(number);
        let Position { line, column } = document.map_or(Position::START, |document| document.place(&pointer));
        let file = document.map(|document| document.file.clone()).unwrap_or_default();
        let message = if pointer.is_empty() { message } else { format!("at `{pointer}`: {message}") };
        Problem { file, line, column, message, help }
    }
}

/// Where each field is spoken of first.
fn find_places(
    prefix: Option<&FieldPath>,
    shape: &shape::Shape,
    places: &mut BTreeMap<FieldPath, shape::Place>,
) {
    for (name, member) in &shape.members {
        let path = match prefix {
            None => name.parse(),
            Some(prefix) => prefix.child(name),
        };
        let Ok(path) = path else { continue };
        find_places(Some(&path), member, places);
        places.insert(path, member.place.clone());
    }
}

impl Described {
    /// What a file `schemas/<name>.yaml` says by itself.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn of_yaml(file: &str, text: &str) -> Result<Described, Problems> {
        let mut problems = Vec::new();
        let described = schema::describe(text, &mut Notes::of(file, &mut problems));
        Problems::unless_none(problems)?;
        let mut described = described.unwrap_or_else(|| Draft::empty().described(""));
        if described.title.is_empty() {
            file.rsplit('/')
                .next()
                .unwrap_or(file)
                .trim_end_matches(".yaml")
                .clone_into(&mut described.title);
        }
        Ok(described)
    }

    /// The same as `schemas/<name>.yaml`.
    pub fn to_yaml(&self, class: Class) -> String {
        schema::write::schema(&self.title, self.description.as_deref(), class, &self.fields)
    }
}

impl From<Schema> for Described {
    fn from(schema: Schema) -> Described {
        let Schema { title, description, class, fields, .. } = schema;
        Described {
            title,
            description,
            class: Some(class),
            fields,
            definitions: Fields::new(),
            warnings: Vec::new(),
        }
    }
}

impl Draft {
    fn empty() -> Draft {
        Draft {
            title: None,
            description: None,
            class: None,
            fields: Vec::new(),
            labels: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Notes what no schema may say, wherever it stands. What a project asks for besides is asked of its schemas.
    fn check(&self, notes: &mut Notes<'_>) {
        let is_primary = |field: &&DraftField| matches!(field.identity, Some((_, true)));
        for DraftField { path, .. } in self.fields.iter().filter(is_primary).skip(1) {
            let message = format!("field `{}` is a second primary identity: a schema has one", path.value);
            notes.note(path.at, message, None);
        }
        for DraftField { path, field, .. } in &self.fields {
            if let (Some(minimum), Some(maximum)) = (field.minimum, field.maximum)
                && minimum > maximum
            {
                let message = format!("the minimum {minimum} lies above the maximum {maximum}");
                notes.note(path.at, message, None);
            }
            if let (Some(least), Some(most)) = (field.minimum_length, field.maximum_length)
                && least > most
            {
                let message = format!("the minimum length {least} lies above the maximum {most}");
                notes.note(path.at, message, None);
            }
        }
    }

    fn described(self, name: &str) -> Described {
        let mut fields = Fields::new();
        for DraftField { path, mut field, labels, identity } in self.fields {
            field.labels.extend(labels.into_iter().map(|label| label.value));
            if let Some((namespace, primary)) = identity {
                field.identity = Some(IdentityDescriptor { namespace: namespace.value, primary });
                field.required |= primary;
            }
            // INVARIANT: these are the leaves of a tree.
            drop(domain::schema::insert(&mut fields, &path.value, field));
        }
        Described {
            title: self.title.unwrap_or_else(|| name.to_owned()),
            description: self.description,
            class: self.class,
            fields,
            definitions: Fields::new(),
            warnings: self.warnings,
        }
    }
}
