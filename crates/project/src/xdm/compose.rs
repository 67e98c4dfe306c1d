//! From a document, and those that it refers to, to the fields of a schema.
//!
//! Documents are anybody's: nothing that they say makes this run for long, take much memory or stack, or panic.

use std::collections::{BTreeSet, HashMap};

use domain::schema::{FORMATS, Pattern};
use domain::value::Value;
use serde_json::Value as Json;

use super::document::{Library, Missing};
use super::name;
use super::shape::{Conflict, JsonType, Place, Shape, TextFormat};

/// How deep schemas may lie in schemas, through references too.
const DEEPEST: usize = 64;
/// How many schemas a document may come to, each reference counted as what it refers to.
const MOST_SCHEMAS: usize = 100_000;
/// How many bytes of texts those may hold.
const MOST_TEXT: usize = 16 << 20;
/// How many patterns are compiled.
const MOST_PATTERNS: usize = 1_000;
/// How many faults are told.
const MOST_FAULTS: usize = 50;

/// Something that is wrong with a document, or that deserves a look.
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// What a document comes to.
pub(super) struct Composed {
    pub(super) shape: Shape,
    /// The `$id` of every document that speaks of the whole record, and of every one that it says to extend.
    pub(super) extends: BTreeSet<String>,
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Fault>,
}

/// Composes a document of a library.
pub(super) fn compose(library: &Library, number: usize) -> Composed {
    let mut composer = Composer::new(library);
    let shape = composer.pointed_to(number, "");
    let Composer { extends, faults, warnings, .. } = composer;
    Composed { shape, extends, faults, warnings }
}

/// Composes what JSON pointers into a document point to; all of it together may be as much as one document.
pub(super) fn compose_parts(
    library: &Library,
    number: usize,
    pointers: &[String],
) -> (Vec<Shape>, Vec<Fault>) {
    let mut composer = Composer::new(library);
    let shapes = pointers.iter().map(|pointer| composer.pointed_to(number, pointer)).collect();
    (shapes, composer.faults)
}

struct Composer<'l> {
    library: &'l Library,
    /// The schemas that are being read, outermost first.
    open: Vec<Place>,
    schemas: usize,
    text: usize,
    patterns: HashMap<String, Result<Pattern, String>>,
    extends: BTreeSet<String>,
    /// The documents that have spoken of the whole record.
    heard: BTreeSet<usize>,
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
}

impl<'l> Composer<'l> {
    fn new(library: &'l Library) -> Composer<'l> {
        Composer {
            library,
            open: Vec::new(),
            schemas: 0,
            text: 0,
            patterns: HashMap::new(),
            extends: BTreeSet::new(),
            heard: BTreeSet::new(),
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn pointed_to(&mut self, number: usize, pointer: &str) -> Shape {
        let library: &'l Library = self.library;
        let json = library.document(number).and_then(|document| document.json.pointer(pointer));
        let shape = json.and_then(|json| self.schema((number, pointer.to_owned()), json, pointer.is_empty()));
        shape.unwrap_or_default()
    }

    fn fault(&mut self, place: &Place, message: impl Into<String>, help: Option<String>) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault { place: place.clone(), message: message.into(), help });
        }
    }

    fn warn(&mut self, place: Place, message: String) {
        if self.warnings.len() < MOST_FAULTS {
            self.warnings.push(Fault { place, message, help: None });
        }
    }

    /// Whether there is room for one schema more. That there is none is told once.
    fn spend(&mut self, place: &Place, json: &Json) -> bool {
        let had = self.schemas <= MOST_SCHEMAS && self.text <= MOST_TEXT;
        let texts = ["title", "description", "pattern"].into_iter().filter_map(|key| json.get(key)?.as_str());
        let listed = json.get("enum").and_then(Json::as_array).into_iter().flatten();
        self.schemas += 1;
        self.text += texts.map(str::len).sum::<usize>() + place.1.len();
        self.text += listed.map(|value| 8 + value.as_str().map_or(0, str::len)).sum::<usize>();
        let has = self.schemas <= MOST_SCHEMAS && self.text <= MOST_TEXT;
        if had && !has {
            let message = format!(
                "the document comes to more than {MOST_SCHEMAS} schemas, or {MOST_TEXT} bytes of their texts, each reference counted as what it refers to"
            );
            self.fault(place, message, None);
        }
        has
    }

    /// What a schema says; nothing where it says too much.
    fn schema(&mut self, place: Place, json: &'l Json, is_root: bool) -> Option<Shape> {
        if !self.spend(&place, json) {
            return None;
        }
        if self.open.contains(&place) {
            let message = "this schema is a part of itself, and its fields would never end";
            let help = "give the inner one a schema of its own that ends, or leave it out".to_owned();
            self.fault(&place, message, Some(help));
            return None;
        }
        if self.open.len() >= DEEPEST {
            self.fault(&place, format!("more than {DEEPEST} schemas lie in each other here"), None);
            return None;
        }
        let Some(members) = json.as_object() else {
            if *json != Json::Bool(true) {
                self.fault(&place, "expected a schema, an object", None);
            }
            return None;
        };
        if is_root && place.1.is_empty() {
            self.heard.insert(place.0);
        }
        self.open.push(place.clone());
        let shape = self.object(&place, members, is_root);
        self.open.pop();
        Some(shape)
    }

    fn object(&mut self, place: &Place, members: &'l serde_json::Map<String, Json>, is_root: bool) -> Shape {
        let mut conflicts = Vec::new();
        let mut shape = self.own(place, members);
        if is_root {
            self.note_ids(members);
        }
        if let Some(reference) = members.get("$ref").and_then(Json::as_str)
            && let Some(referred) = self.referred(place, reference, is_root)
        {
            shape.and(referred, &mut conflicts);
        }
        for (index, part) in list(members, "allOf") {
            if let Some(part) = self.schema(below(place, &["allOf", &index.to_string()]), part, is_root) {
                shape.and(part, &mut conflicts);
            }
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(either) = self.either(place, key, members) {
                shape.and(either, &mut conflicts);
            }
        }
        for id in list(members, "meta:extends").filter(|_| is_root).filter_map(|(_, id)| id.as_str()) {
            // What is extended and is not here is told by the reference to it, if there is one: documents that were
            // exported with everything in place name what they extend and need none of it.
            if let Some(extended) = self.extended(id) {
                shape.and(extended, &mut conflicts);
            }
        }
        self.add_members(place, members, &mut shape, &mut conflicts);
        for Conflict { place, message, is_left_out } in conflicts {
            if is_left_out {
                self.warn(place, message);
            } else {
                let help = "let all that speaks of the field agree".to_owned();
                self.fault(&place, message, Some(help));
            }
        }
        shape
    }

    /// What a schema says by itself of a single value.
    fn own(&mut self, place: &Place, members: &'l serde_json::Map<String, Json>) -> Shape {
        let text = |key: &str| members.get(key).and_then(Json::as_str);
        let of_people = |key| text(key).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let number = |key: &str| members.get(key).and_then(Json::as_f64);
        let length =
            |key: &str| members.get(key).and_then(Json::as_u64).and_then(|length| u32::try_from(length).ok());
        let hint = text("meta:xdmType");
        self.warn_of_misread(place, members);
        let kind = self.kind(place, members);
        let limits = match (kind, hint) {
            (Some(JsonType::Integer), Some("byte")) => Some((f64::from(i8::MIN), f64::from(i8::MAX))),
            (Some(JsonType::Integer), Some("short")) => Some((f64::from(i16::MIN), f64::from(i16::MAX))),
            _ => None,
        };
        // Whole numbers have a next one; of others the limit itself is let pass.
        let step = if kind == Some(JsonType::Integer) { 1.0 } else { 0.0 };
        let least =
            [number("minimum"), number("exclusiveMinimum").map(|limit| limit + step), limits.map(|it| it.0)];
        let greatest =
            [number("maximum"), number("exclusiveMaximum").map(|limit| limit - step), limits.map(|it| it.1)];
        Shape {
            place: place.clone(),
            kind,
            title: of_people("title"),
            description: of_people("description"),
            allowed: allowed(members),
            minimum: least.into_iter().flatten().reduce(f64::max),
            maximum: greatest.into_iter().flatten().reduce(f64::min),
            minimum_length: length("minLength"),
            maximum_length: length("maxLength"),
            format: format(kind, text("format").or(hint)),
            pattern: text("pattern").and_then(|pattern| self.pattern(place, pattern)),
            required: list(members, "required")
                .filter_map(|(_, name)| name::steps(name.as_str()?).ok())
                .collect(),
            ..Shape::default()
        }
    }

    /// Warns of every rule that is not written as JSON Schema has it, and so restricts nothing.
    fn warn_of_misread(&mut self, place: &Place, members: &serde_json::Map<String, Json>) {
        for (keys, expected, is_right) in RULES {
            for key in keys {
                if let Some(found) = members.get(*key).filter(|found| !is_right(found)) {
                    let message =
                        format!("`{key}` is {}, and is left out: expected {expected}", kind_of(found));
                    self.warn(below(place, &[key]), message);
                }
            }
        }
    }

    /// The type that a schema gives. `null` is no type of a value: a field that is null is absent.
    fn kind(&mut self, place: &Place, members: &serde_json::Map<String, Json>) -> Option<JsonType> {
        let said = members.get("type")?;
        let words: Vec<&str> = match said {
            Json::String(word) => vec![word],
            Json::Array(words) => words.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        let place = below(place, &["type"]);
        let mut kinds = Vec::new();
        for word in words.into_iter().filter(|word| *word != "null") {
            match word {
                "string" => kinds.push(JsonType::String),
                "integer" => kinds.push(JsonType::Integer),
                "number" => kinds.push(JsonType::Number),
                "boolean" => kinds.push(JsonType::Boolean),
                "object" => kinds.push(JsonType::Object),
                "array" => kinds.push(JsonType::Array),
                _ => {
                    let message = format!("`{word}` is no type of JSON Schema");
                    let help = "expected one of `string`, `integer`, `number`, `boolean`, `object`, `array`"
                        .to_owned();
                    self.fault(&place, message, Some(help));
                }
            }
        }
        if let [first, second, ..] = kinds.as_slice() {
            let message = format!("may be {} or {}: the first is taken", first.as_str(), second.as_str());
            self.warn(place, message);
        }
        kinds.first().copied()
    }

    fn pattern(&mut self, place: &Place, text: &str) -> Option<Pattern> {
        if !self.patterns.contains_key(text) {
            if self.patterns.len() >= MOST_PATTERNS {
                return None;
            }
            let compiled = text.parse::<Pattern>().map_err(|error| error.to_string());
            self.patterns.insert(text.to_owned(), compiled);
            if self.patterns.len() == MOST_PATTERNS {
                self.fault(place, format!("more than {MOST_PATTERNS} patterns are found from here on"), None);
            }
        }
        match self.patterns.get(text)?.clone() {
            Ok(pattern) => Some(pattern),
            Err(message) => {
                let help = "write one without look-around and references back, or take it out".to_owned();
                self.fault(&below(place, &["pattern"]), message, Some(help));
                None
            }
        }
    }

    fn note_ids(&mut self, members: &serde_json::Map<String, Json>) {
        let ids = ["$id", "meta:class"].into_iter().filter_map(|key| members.get(key)?.as_str());
        let extended = list(members, "meta:extends").filter_map(|(_, id)| id.as_str());
        self.extends.extend(ids.chain(extended).map(str::to_owned));
    }

    fn referred(&mut self, place: &Place, reference: &str, is_root: bool) -> Option<Shape> {
        let library: &'l Library = self.library;
        match library.resolve(place.0, reference) {
            Ok((number, pointer, json)) => self.schema((number, pointer), json, is_root),
            Err(Missing::Document(id)) => {
                let message = format!("there is no document with the `$id` `{id}`");
                self.fault(&below(place, &["$ref"]), message, Some(super::WHERE_DOCUMENTS_ARE.to_owned()));
                None
            }
            Err(Missing::Pointer { pointer, file }) => {
                let message = format!("nothing stands at `{pointer}` in {file}");
                let help = "expected a JSON pointer such as `#/definitions/name` to a schema".to_owned();
                self.fault(&below(place, &["$ref"]), message, Some(help));
                None
            }
        }
    }

    fn extended(&mut self, id: &str) -> Option<Shape> {
        let library: &'l Library = self.library;
        let number = library.with_id(id)?;
        if self.heard.contains(&number) {
            return None;
        }
        self.schema((number, String::new()), &library.document(number)?.json, true)
    }

    /// What is said by alternatives: the members of all, with only what all ask. Of types at odds the first is taken.
    fn either(
        &mut self,
        place: &Place,
        key: &str,
        members: &'l serde_json::Map<String, Json>,
    ) -> Option<Shape> {
        let mut either: Option<Shape> = None;
        for (index, part) in list(members, key) {
            if part.get("type").and_then(Json::as_str) == Some("null") {
                continue;
            }
            let place = below(place, &[key, &index.to_string()]);
            let Some(part) = self.schema(place.clone(), part, false) else { continue };
            match &mut either {
                None => either = Some(part),
                Some(first) => {
                    if !first.or(part) {
                        let kind = first.kind().map_or("", JsonType::as_str);
                        self.warn(
                            place,
                            format!("another type is possible here: {kind}, the first one, is taken"),
                        );
                    }
                }
            }
        }
        either
    }

    /// What a schema says of the values inside.
    fn add_members(
        &mut self,
        place: &Place,
        members: &'l serde_json::Map<String, Json>,
        shape: &mut Shape,
        conflicts: &mut Vec<Conflict>,
    ) {
        let properties = members.get("properties").and_then(Json::as_object).into_iter().flatten();
        for (name, json) in properties.filter(|(name, _)| *name != name::CONTEXT) {
            let place = below(place, &["properties", name]);
            let steps = match name::steps(name) {
                Ok(steps) => steps,
                Err(message) => {
                    self.fault(&place, message, None);
                    continue;
                }
            };
            if let Some(member) = self.schema(place.clone(), json, false) {
                add(shape, &place, steps, member, conflicts);
            }
        }
        if let Some(items) = members.get("items").filter(|items| items.is_object())
            && let Some(items) = self.schema(below(place, &["items"]), items, false)
        {
            inside(&mut shape.items, items, conflicts);
        }
        if let Some((pointer, values)) = values(members)
            && let Some(values) = self.schema(below(place, &pointer), values, false)
        {
            inside(&mut shape.values, values, conflicts);
        }
    }
}

/// Puts a member where its name says: `repo:createDate` is one of an object.
fn add(
    shape: &mut Shape,
    place: &Place,
    mut steps: Vec<String>,
    member: Shape,
    conflicts: &mut Vec<Conflict>,
) {
    let Some(last) = steps.pop() else { return };
    let around = steps.into_iter().rev();
    let (name, member) = around.fold((last, member), |(name, member), outer| {
        let object = Shape {
            place: place.clone(),
            kind: Some(JsonType::Object),
            members: [(name, member)].into(),
            ..Shape::default()
        };
        (outer, object)
    });
    shape.add(name, member, conflicts);
}

fn inside(known: &mut Option<Box<Shape>>, other: Shape, conflicts: &mut Vec<Conflict>) {
    match known {
        Some(known) => known.and(other, conflicts),
        None => *known = Some(Box::new(other)),
    }
}

/// What a map's values are, where a schema says it: under `additionalProperties`, or the one pattern of their keys.
fn values(members: &serde_json::Map<String, Json>) -> Option<(Vec<&str>, &Json)> {
    let says_something = |json: &Json| json.as_object().is_some_and(|schema| !schema.is_empty());
    if let Some(json) = members.get("additionalProperties").filter(|json| says_something(json)) {
        return Some((vec!["additionalProperties"], json));
    }
    let patterns = members.get("patternProperties").and_then(Json::as_object)?;
    let (pattern, json) = patterns.iter().find(|(_, json)| says_something(json))?;
    Some((vec!["patternProperties", pattern], json))
}

fn allowed(members: &serde_json::Map<String, Json>) -> Vec<Value> {
    let constant = members.get("const").into_iter();
    let listed = list(members, "enum").map(|(_, value)| value);
    listed
        .chain(constant)
        .filter(|value| !value.is_object() && !value.is_array())
        .filter_map(Value::from_json)
        .collect()
}

/// The format of texts. What no format of a field is, is for people, as JSON Schema has it.
fn format(kind: Option<JsonType>, word: Option<&str>) -> Option<TextFormat> {
    if !matches!(kind, None | Some(JsonType::String)) {
        return None;
    }
    match word? {
        "date" => Some(TextFormat::Date),
        "date-time" => Some(TextFormat::DateTime),
        "url" => Some(TextFormat::Of(domain::schema::Format::Uri)),
        word => FORMATS.iter().find(|(known, _)| *known == word).map(|(_, format)| TextFormat::Of(*format)),
    }
}

fn list<'j>(
    members: &'j serde_json::Map<String, Json>,
    key: &str,
) -> impl Iterator<Item = (usize, &'j Json)> + use<'j> {
    members.get(key).and_then(Json::as_array).into_iter().flatten().enumerate()
}

/// Rules by their keys, and what each must be to be read.
type Rule = (&'static [&'static str], &'static str, fn(&Json) -> bool);

const RULES: [Rule; 5] = [
    (&["pattern", "format"], "a text", Json::is_string),
    (&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], "a number", Json::is_number),
    (&["minLength", "maxLength"], "a whole number", |found| {
        found.as_u64().is_some_and(|length| u32::try_from(length).is_ok())
    }),
    (&["enum"], "a list", Json::is_array),
    (&["required"], "a list of texts", |found| {
        found.as_array().is_some_and(|names| names.iter().all(Json::is_string))
    }),
];

/// What a value is, in words.
fn kind_of(found: &Json) -> &'static str {
    match found {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// The place of a value inside another.
fn below(place: &Place, steps: &[&str]) -> Place {
    let mut pointer = place.1.clone();
    for step in steps {
        pointer.push('/');
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
    }
    (place.0, pointer)
}
