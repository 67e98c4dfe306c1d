//! Names to fields.

use std::borrow::Cow;

use domain::audience::EVENTS;
use domain::schema::{Field, FieldType, Fields, leaves};
use domain::value::FieldPath;

use super::{Checker, Owner, Typed, nearest, unknown};
use crate::ast::{Node, NodeKind};
use crate::condition::Term;
use crate::error::{Error, Span};
use crate::types::Type;

/// The field that holds when an event happened. Every event has it.
const TIMESTAMP: &str = "timestamp";

/// The fields of events, the one that all have among them.
pub(super) fn with_timestamp(events: &Fields) -> Cow<'_, Fields> {
    if events.get(TIMESTAMP).is_some_and(|field| field.kind == FieldType::DateTime) {
        return Cow::Borrowed(events);
    }
    let mut events = events.clone();
    events.insert(TIMESTAMP.to_owned(), Field::of(FieldType::DateTime));
    Cow::Owned(events)
}

/// A path as it is written: whose it is, and the names on the way with their places.
struct Written<'a> {
    owner: Owner,
    steps: Vec<(&'a str, Span)>,
}

impl<'a> Checker<'a> {
    pub(super) fn field(&mut self, node: &'a Node) -> Typed {
        let span = node.span.clone();
        let Some(written) = self.written(node) else { return unknown(span) };
        match self.resolve(&written, &span) {
            Ok((path, kind)) => Typed { term: self.read(written.owner, path), kind, span },
            Err(error) => self.fault(error),
        }
    }

    /// The value of a field, which is read from now on.
    fn read(&mut self, owner: Owner, path: FieldPath) -> Term {
        match owner {
            Owner::Profile => {
                self.reads.insert(path.clone());
                let next = self.fields.len();
                Term::Field(*self.fields.entry(path).or_insert(next))
            }
            Owner::Event => {
                // INVARIANT: a path below a name is a path.
                self.reads.extend(format!("{EVENTS}.{path}").parse::<FieldPath>());
                let is_timestamp = path.as_str() == TIMESTAMP;
                let field = if is_timestamp { Term::EventTime } else { Term::EventField((&path).into()) };
                self.event_reads.insert(path);
                field
            }
        }
    }

    fn written(&mut self, mut node: &'a Node) -> Option<Written<'a>> {
        let mut steps = Vec::new();
        while let NodeKind::Member { of, name } = &node.kind {
            steps.push((name.text.as_str(), name.span.clone()));
            node = of;
        }
        let owner = match &node.kind {
            NodeKind::Name(name) if Some(name.as_str()) == self.profile => Owner::Profile,
            NodeKind::Name(name) => {
                steps.push((name, node.span.clone()));
                self.scope(0)?
            }
            NodeKind::Up { levels, name } => {
                steps.push((&name.text, name.span.clone()));
                let Some(owner) = self.scope(*levels) else {
                    self.fault(
                        Error::wrong_type("`^` leads further out than the profile", node.span.clone()).help(
                            "a bare name is a field of the profile, and `^name` is one in `WHAT` and `WHERE`",
                        ),
                    );
                    return None;
                };
                owner
            }
            NodeKind::Parameter(1) => Owner::Profile,
            NodeKind::Parameter(position) => {
                self.fault(
                    Error::wrong_type(format!("query has no parameter `${position}`"), node.span.clone())
                        .help("write `$1` for the profile"),
                );
                return None;
            }
            _ => {
                let of = self.term(node);
                if of.kind != Type::Unknown {
                    self.fault(Error::wrong_type(format!("{} has no fields", of.kind), of.span));
                }
                return None;
            }
        };
        steps.reverse();
        Some(Written { owner, steps })
    }

    /// Whose fields bare names are, so many levels further out.
    fn scope(&self, levels: usize) -> Option<Owner> {
        self.scopes.iter().rev().nth(levels).copied()
    }

    fn fields(&self, owner: Owner) -> &'a Fields {
        match owner {
            Owner::Profile => self.schemas.profile,
            Owner::Event => self.schemas.events,
        }
    }

    /// The field that the names lead to, and its type.
    fn resolve(&self, written: &Written<'_>, span: &Span) -> Result<(FieldPath, Type), Error> {
        let mut fields = self.fields(written.owner);
        let mut walked = String::new();
        let mut steps = written.steps.iter().peekable();
        // Whatever a schema calls so, events are no field.
        if let (Owner::Profile, Some((EVENTS, at))) = (written.owner, steps.peek()) {
            return Err(Error::not_compiled("`xEvent` outside of a chain", at.clone()));
        }
        while let Some((name, at)) = steps.next() {
            let Some(field) = fields.get(*name) else {
                return Err(self.unknown_field(written.owner, fields, &walked, name, at.clone()));
            };
            if !walked.is_empty() {
                walked.push('.');
            }
            walked.push_str(name);
            let Some((next, at)) = steps.peek() else {
                let path = walked
                    .parse()
                    .map_err(|invalid| Error::wrong_type(format!("{invalid}"), span.clone()))?;
                return Ok((path, (&field.kind).into()));
            };
            fields = match &field.kind {
                FieldType::Object(members) => members,
                FieldType::Array(_) | FieldType::Map(_) => {
                    let reached = format!("field `{next}` of {} `{walked}`", field.kind);
                    return Err(Error::not_compiled(&reached, at.clone()));
                }
                leaf => {
                    let message = format!("`{walked}` is a {leaf} and has no field `{next}`");
                    return Err(Error::wrong_type(message, at.clone()));
                }
            };
        }
        Err(Error::wrong_type("the profile as a whole is no value", span.clone())
            .help("name one of its fields"))
    }

    fn unknown_field(&self, owner: Owner, fields: &Fields, parent: &str, name: &str, at: Span) -> Error {
        let whose = match (parent, owner) {
            ("", Owner::Profile) => "the profile".to_owned(),
            ("", Owner::Event) => "the event".to_owned(),
            (parent, _) => format!("`{parent}`"),
        };
        let error = Error::wrong_type(format!("{whose} has no field `{name}`"), at);
        if parent.is_empty()
            && let Some(help) = self.on_the_other_side(owner, name)
        {
            return error.help(help);
        }
        let sibling = nearest(name, fields.keys().map(String::as_str)).map(|sibling| match parent {
            "" => sibling.to_owned(),
            parent => format!("{parent}.{sibling}"),
        });
        // A name that is right, and only stands elsewhere.
        let namesake = || {
            let all = leaves(self.fields(owner)).into_iter().map(|(path, _)| path);
            all.into_iter().find(|path| path.steps().last() == Some(name)).map(String::from)
        };
        match sibling.or_else(namesake) {
            Some(known) => error.help(format!("did you mean `{}{known}`?", self.way_to(owner))),
            None => error,
        }
    }

    /// What to do about a name that events have and the profile has not, or the other way round.
    fn on_the_other_side(&self, owner: Owner, name: &str) -> Option<String> {
        match owner {
            Owner::Profile if self.schemas.events.contains_key(name) => Some(format!(
                "`{name}` is a field of events: write `CHAIN(xEvent, timestamp, [A: WHAT({name} ...)])`"
            )),
            Owner::Event if self.schemas.profile.contains_key(name) => {
                Some(format!("did you mean `{}{name}`, a field of the profile?", self.way_to(Owner::Profile)))
            }
            _ => None,
        }
    }

    /// The carets that lead from here to whose field is meant.
    fn way_to(&self, owner: Owner) -> String {
        let levels = self.scopes.iter().rev().position(|scope| *scope == owner);
        "^".repeat(levels.unwrap_or(0))
    }
}
