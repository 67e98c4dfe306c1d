//! Where in a profile the fields are that a plan reads.

use std::cmp::Ordering;

use domain::value::{Object, Value};

/// The members of an object that are read, or within which some are, in the order of their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Members(Vec<Member>);

#[derive(Debug, Clone)]
struct Member {
    name: Box<str>,
    /// The field that it is, if it is read.
    field: Option<usize>,
    members: Members,
}

impl Members {
    /// Takes in the field of a path.
    pub(super) fn add<'p>(&mut self, mut path: impl Iterator<Item = &'p str>, field: usize) {
        let Some(name) = path.next() else { return };
        let place = self.0.binary_search_by(|member| (*member.name).cmp(name)).unwrap_or_else(|place| {
            self.0.insert(place, Member { name: name.into(), field: None, members: Members::default() });
            place
        });
        let Some(member) = self.0.get_mut(place) else { return };
        let mut path = path.peekable();
        match path.peek() {
            None => member.field = Some(field),
            Some(_) => member.members.add(&mut path as &mut dyn Iterator<Item = &'p str>, field),
        }
    }

    /// Shows the fields that an object has, with their values.
    pub(super) fn read<'a>(&self, object: &'a Object, see: &mut impl FnMut(usize, &'a Value)) {
        /// How many members are passed over while one is looked up.
        const PASSED: usize = 8;
        if self.0.len().saturating_mul(PASSED) < object.len() {
            for member in &self.0 {
                object.get(&*member.name).into_iter().for_each(|value| member.read(value, see));
            }
            return;
        }
        // Both are in the order of the names: together they are gone through once.
        let mut wanted = self.0.iter();
        let mut next = wanted.next();
        for (name, value) in object {
            while let Some(member) = next {
                match (*member.name).cmp(name) {
                    Ordering::Less => next = wanted.next(),
                    Ordering::Equal => {
                        member.read(value, see);
                        next = wanted.next();
                        break;
                    }
                    Ordering::Greater => break,
                }
            }
        }
    }
}

impl Member {
    fn read<'a>(&self, value: &'a Value, see: &mut impl FnMut(usize, &'a Value)) {
        self.field.into_iter().for_each(|field| see(field, value));
        if let Value::Object(object) = value {
            self.members.read(object, see);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_fields_of_an_object_are_read_however_many_others_it_has() {
        let paths = ["b", "a.x", "a.z", "c", "a", "missing", "missing.x", "b.x", "zz"];
        let mut members = Members::default();
        for (field, path) in paths.iter().enumerate() {
            members.add(path.split('.'), field);
        }
        for others in [0, 100] {
            let inner = Object::from(
                [("x".to_owned(), 1), ("y".to_owned(), 2)]
                    .map(|(name, number)| (name, Value::Integer(number))),
            );
            let mut object: Object =
                (0..others).map(|number| (format!("m{number}"), Value::Boolean(true))).collect();
            object.extend([
                ("a".to_owned(), Value::Object(inner.clone())),
                ("b".to_owned(), Value::Integer(3)),
                ("zz".to_owned(), Value::Integer(4)),
            ]);
            let mut seen = BTreeMap::new();
            members.read(&object, &mut |field, value| assert_eq!(seen.insert(field, value.clone()), None));
            let expected = [
                (0, Value::Integer(3)),
                (1, Value::Integer(1)),
                (4, Value::Object(inner)),
                (8, Value::Integer(4)),
            ];
            assert_eq!(seen, BTreeMap::from(expected), "beside {others} others");
        }
    }
}
