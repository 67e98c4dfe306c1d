//! `audiences/<name>.yaml`: who is in an audience, in PQL.

use std::collections::{BTreeMap, BTreeSet};

use domain::audience::{Audience, DefinitionHash, Evaluation, Population};
use domain::catalogue::Catalogue;
use domain::merge::IdentityGraph;
use domain::name::{AudienceName, MergePolicyName};
use pql::Schemas;

use crate::folder::Files;
use crate::problem::{Notes, Position, Problem};
use crate::read::{At, Members, Read, word};
use crate::suggest::instead_of;
use crate::yaml::{Content, Node};

use super::example::ExampleForm;
use super::{Forms, Scope};

pub(crate) struct AudienceForm {
    title: Option<String>,
    description: Option<String>,
    expression: Node,
    merge_policy: Option<At<MergePolicyName>>,
    evaluation: Evaluation,
    examples: Vec<At<ExampleForm>>,
    of: Option<At<Population>>,
}

impl Read for AudienceForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<AudienceForm> {
        let mut members = Members::of(node, notes)?;
        let title = members.optional("title", notes);
        let description = members.optional("description", notes);
        let expression = members.node("expression");
        let is_text = members.required::<String>("expression", notes);
        let merge_policy = members.optional("merge_policy", notes);
        let evaluation = members.optional("evaluation", notes);
        let examples = members.optional("examples", notes);
        let of = members.optional("of", notes);
        members.finish(notes);
        is_text?;
        Some(AudienceForm {
            title: title?,
            description: description?,
            expression: expression?.clone(),
            merge_policy: merge_policy?,
            evaluation: evaluation?.unwrap_or(Evaluation::Batch),
            examples: examples?.unwrap_or_default(),
            of: of?,
        })
    }
}

impl Read for Evaluation {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Evaluation> {
        word(node, &[("batch", Evaluation::Batch), ("edge", Evaluation::Edge)], notes)
    }
}

impl Read for Population {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Population> {
        word(node, &[("customers", Population::Customers), ("prospects", Population::Prospects)], notes)
    }
}

impl AudienceForm {
    /// Of whom the audience is.
    pub(crate) fn population(&self) -> Population {
        self.of.as_ref().map(|of| of.value).unwrap_or_default()
    }

    /// When the audience is evaluated.
    pub(crate) fn evaluation(&self) -> Evaluation {
        self.evaluation
    }

    /// The example profiles.
    pub(crate) fn examples(&self) -> &[At<ExampleForm>] {
        &self.examples
    }

    /// Where the expression begins.
    pub(crate) fn place(&self) -> Position {
        self.expression.at
    }

    /// Compiles the audience. Without a union schema, because the schemas are at odds, its fields go unchecked.
    pub(crate) fn compile(
        &self,
        name: &AudienceName,
        schemas: Option<Schemas<'_>>,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<Audience> {
        let merge_policy = self.compile_merge_policy(scope, notes);
        let Content::Text(expression) = &self.expression.content else { return None };
        let text = scope.files.text(scope.forms.audiences.file(name));
        if let Some(schemas) = schemas {
            self.examples.iter().for_each(|example| example.value.check(schemas, notes));
        }
        let mut refuse = |error: pql::Error| {
            let at = self.expression.place_of_byte(text, error.span.start);
            notes.note(at, error.message, error.help);
        };
        let parsed = pql::parse(expression).map_err(&mut refuse).ok()?;
        let checked =
            parsed.check(&schemas?).map_err(|errors| errors.into_iter().for_each(&mut refuse)).ok()?;
        let eligibility = parsed.eligibility(&checked);
        let against = match self.evaluation {
            Evaluation::Batch => eligibility.batch,
            Evaluation::Edge => eligibility.edge,
        };
        against.into_iter().for_each(&mut refuse);
        if let (Population::Prospects, Evaluation::Edge, Some(of)) =
            (self.population(), self.evaluation, &self.of)
        {
            let help = "leave `evaluation` out".to_owned();
            notes.note(of.at, "prospects visit no page: their audiences are evaluated on schedule", help);
        }
        let refers_to = self.compile_references(checked.audiences(), scope, notes);
        Some(Audience {
            name: name.clone(),
            title: self.title.clone().unwrap_or_else(|| name.to_string()),
            description: self.description.clone().unwrap_or_default(),
            // The canonical text: an expression that is only written otherwise decides the same memberships.
            expression: parsed.to_string(),
            merge_policy: merge_policy?,
            evaluation: self.evaluation,
            of: self.population(),
            reads: checked.reads().clone(),
            refers_to,
            // Named once the whole catalogue is known.
            definition: DefinitionHash::default(),
        })
    }

    /// The audiences that the expression refers to.
    fn compile_references<'n>(
        &self,
        names: impl Iterator<Item = &'n String>,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> BTreeSet<AudienceName> {
        let mut references = BTreeSet::new();
        for name in names {
            match name.parse::<AudienceName>() {
                Ok(value) => {
                    let name = At { value, at: self.expression.at };
                    let other = scope.forms.audiences.look_up(&name, notes);
                    if other.is_some_and(|other| other.population() != self.population()) {
                        let message = format!(
                            "audience `{}` is of other people: nobody is a customer and a prospect",
                            name.value
                        );
                        notes.note(name.at, message, "give both the same `of`".to_owned());
                    }
                    references.insert(name.value);
                }
                Err(error) => notes.note(self.expression.at, error.to_string(), None),
            }
        }
        references
    }

    /// The merge policy: the one that is named, else the default one. At the edge there is but one, and prospects have the
    /// default one, as in the documents.
    fn compile_merge_policy(&self, scope: &Scope<'_>, notes: &mut Notes<'_>) -> Option<MergePolicyName> {
        let known = &scope.catalogue.merge_policies;
        let default = scope.catalogue.default_merge_policy();
        let (only, why) = match (self.evaluation, self.population()) {
            (Evaluation::Edge, _) => {
                (scope.catalogue.edge_merge_policy(), "edge audiences use the one that is active on edge")
            }
            (_, Population::Prospects) => (default, "prospects have the default one alone"),
            (Evaluation::Batch, Population::Customers) => (None, ""),
        };
        if let Some(policy) = only
            .filter(|only| self.evaluation == Evaluation::Edge && only.identity_graph == IdentityGraph::None)
        {
            let message = format!(
                "the merge policy of the edge, `{}`, is without the identity graph, by which what a visitor did comes to whoever logged in",
                policy.name
            );
            let help = "write `active_on_edge: true` in one with `identity_graph: private`".to_owned();
            notes.note(self.expression.at, message, help);
        }
        let Some(named) = &self.merge_policy else {
            return only.or(default).map(|policy| policy.name.clone());
        };
        if let Some(only) = only.filter(|only| known.contains_key(&named.value) && only.name != named.value) {
            let message = format!("merge policy `{}` is not for this audience: {why}", named.value);
            notes.note(named.at, message, format!("write `{}`, or leave `merge_policy` out", only.name));
        }
        if scope.forms.merge_policies.form.is_some() && !known.contains_key(&named.value) {
            let help = instead_of(named.value.as_str(), known.keys());
            notes.note(named.at, format!("there is no merge policy `{}`", named.value), help);
        }
        Some(named.value.clone())
    }
}

/// How many audiences may refer to each other in a row: to explain one goes through all of them, one within the other.
const LONGEST_WAY: usize = 32;

/// Warns of values that stand where a condition is expected, and of those that fields are compared with and never have.
pub(crate) fn warn(forms: &Forms, files: &Files, schemas: Schemas<'_>, warnings: &mut Vec<Problem>) {
    for part in forms.audiences.parts.values() {
        let Some(AudienceForm { expression, .. }) = &part.form else { continue };
        let Content::Text(text) = &expression.content else { continue };
        let mut notes = Notes::of(&part.file, warnings);
        let Ok(parsed) = pql::parse(text) else { continue };
        let misplaced = parsed.check(&schemas).map(|checked| checked.misplaced_values().to_vec());
        for error in misplaced.unwrap_or_default().into_iter().chain(parsed.impossible_values(&schemas)) {
            let at = expression.place_of_byte(files.text(&part.file), error.span.start);
            notes.note(at, error.message, error.help);
        }
    }
}

/// Notes what is wrong with how audiences refer to each other.
pub(crate) fn check_references(forms: &Forms, catalogue: &Catalogue, problems: &mut Vec<Problem>) {
    let Ok(ordered) = catalogue.audiences_in_order() else {
        return check_circles(forms, &catalogue.audiences, problems);
    };
    let mut ways: BTreeMap<&AudienceName, usize> = BTreeMap::new();
    for audience in ordered {
        let way = 1 + audience.refers_to.iter().filter_map(|name| ways.get(name)).max().unwrap_or(&0);
        ways.insert(&audience.name, way);
        // Those that refer to it in turn are not told of.
        if way == LONGEST_WAY + 1 {
            let message = format!(
                "{way} audiences refer to each other in a row up to this one: expected at most {LONGEST_WAY}"
            );
            Notes::of(forms.audiences.file(&audience.name), problems).note(
                place(forms, &audience.name),
                message,
                "ask here for what the audiences at the beginning ask for".to_owned(),
            );
        }
    }
}

fn place(forms: &Forms, audience: &AudienceName) -> Position {
    let part = forms.audiences.parts.get(audience);
    part.and_then(|part| part.form.as_ref()).map_or(Position::START, AudienceForm::place)
}

/// Notes every circle of audiences that refer to each other: none of them could be evaluated first.
fn check_circles(forms: &Forms, audiences: &BTreeMap<AudienceName, Audience>, problems: &mut Vec<Problem>) {
    let mut known = BTreeSet::new();
    for start in audiences.keys() {
        let Some(circle) = circle_from(start, audiences) else { continue };
        // Each of its members finds the same circle: the first one tells of it.
        if !known.insert(circle.iter().copied().collect::<BTreeSet<_>>()) {
            continue;
        }
        let way: Vec<String> = circle.iter().chain([&start]).map(|name| format!("`{name}`")).collect();
        let message = format!("audiences refer to each other in a circle: {}", way.join(" -> "));
        Notes::of(forms.audiences.file(start), problems).note(
            place(forms, start),
            message,
            "take one reference out".to_owned(),
        );
    }
}

/// A way from an audience back to itself.
fn circle_from<'a>(
    start: &'a AudienceName,
    audiences: &'a BTreeMap<AudienceName, Audience>,
) -> Option<Vec<&'a AudienceName>> {
    let mut seen = BTreeSet::new();
    let mut open = vec![vec![start]];
    while let Some(way) = open.pop() {
        let Some(here) = way.last().and_then(|last| audiences.get(*last)) else { continue };
        for next in &here.refers_to {
            if next == start {
                return Some(way);
            }
            if seen.insert(next) {
                open.push(way.iter().copied().chain([next]).collect());
            }
        }
    }
    None
}
