//! What may stand in a YAML file: heard from the forms themselves.
//!
//! A form is had to read while nothing is there and what it asks for is written down. So what is read and what is described
//! cannot come apart: a form that asks for one more key describes it.

use std::any::type_name;

use crate::problem::Notes;
use crate::read::Read;
use crate::yaml::Node;

/// What may stand in a place.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Anything,
    Boolean,
    Whole {
        least: i64,
        most: i64,
    },
    Number,
    /// A text that is not empty.
    Text,
    /// A text, a number or a boolean.
    Scalar,
    Words(Vec<String>),
    List(Kind),
    /// A map whose keys are names.
    Map(Kind),
    /// A map whose keys have meanings.
    Members(Members),
    Either(Vec<Kind>),
}

/// The keys of a map.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    pub(crate) known: Vec<Member>,
    /// Whether other keys are refused.
    pub(crate) closed: bool,
}

/// A key of a map, and what stands there.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) kind: Kind,
}

/// What can be read, by name: kinds may hold each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    name: fn() -> &'static str,
    pub(crate) shape: fn() -> Shape,
}

impl Kind {
    pub(crate) fn of<T: Read>() -> Kind {
        Kind { name: type_name::<T>, shape: T::shape }
    }

    /// The name that nothing else has.
    pub(crate) fn whole_name(self) -> &'static str {
        (self.name)()
    }

    /// The name that its descriptions have: that of its form.
    pub(crate) fn name(self) -> &'static str {
        let whole = self.whole_name();
        let own = whole.rsplit("::").next().unwrap_or(whole);
        own.strip_suffix("Form").unwrap_or(own)
    }
}

/// What a form asks for when nothing is there.
pub(crate) fn heard<T: Read>() -> Shape {
    let (mut problems, mut shape) = (Vec::new(), None);
    T::read(&Node::nothing(), &mut Notes::listening(&mut problems, &mut shape));
    shape.unwrap_or(Shape::Anything)
}

impl Members {
    /// Writes a key down. One that is asked for twice, whole and by its value, is what its value is.
    pub(crate) fn hear(&mut self, member: Member) {
        match self.known.iter_mut().find(|known| known.name == member.name) {
            Some(known) if matches!((known.kind.shape)(), Shape::Anything) => *known = member,
            Some(_) => {}
            None => self.known.push(member),
        }
    }
}
