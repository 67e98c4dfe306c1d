//! YAML as a tree in which every value knows where it stands.
//!
//! Reading into a tree first, and into types after that, finds all that is wrong with a file in one go: a
//! deserialiser stops at the first.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use crate::problem::{Notes, Position};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: Position,
    /// Where it begins in the file's text, in bytes.
    pub(crate) offset: usize,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Null,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a map, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) at: Position,
    pub(crate) text: String,
}

/// The tree of a file's text.
pub(crate) fn parse(text: &str, notes: &mut Notes<'_>) -> Option<Node> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    match serde_saphyr::from_str_with_options::<Spanned<Content>>(text, options) {
        Ok(found) => Some(node(found)),
        Err(error) => {
            let at = error.location().map_or(Position::START, position);
            notes.note(at, format!("this is no valid YAML: {}", reason(&error)), None);
            None
        }
    }
}

/// What the parser says, without the place, which is said already.
fn reason(error: &serde_saphyr::Error) -> String {
    match error {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            return format!("the key `{key}` stands here a second time");
        }
        serde_saphyr::Error::MultipleDocuments { .. } => return "a second document begins here".to_owned(),
        _ => {}
    }
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    text.trim_end_matches('.').to_owned()
}

fn position(location: Location) -> Position {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
    Position { line: count(location.line()), column: count(location.column()) }
}

fn node(found: Spanned<Content>) -> Node {
    let location = found.referenced;
    let offset = location.span().byte_offset().and_then(|offset| usize::try_from(offset).ok()).unwrap_or(0);
    Node { at: position(location), offset, content: found.value }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("YAML")
    }

    fn visit_unit<E: Error>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, found: bool) -> Result<Content, E> {
        Ok(Content::Boolean(found))
    }

    fn visit_i64<E: Error>(self, found: i64) -> Result<Content, E> {
        Ok(Content::Integer(found))
    }

    fn visit_u64<E: Error>(self, found: u64) -> Result<Content, E> {
        // What no 64-bit integer holds is an identifier at best: it stays text.
        Ok(i64::try_from(found).map_or_else(|_| Content::Text(found.to_string()), Content::Integer))
    }

    fn visit_f64<E: Error>(self, found: f64) -> Result<Content, E> {
        Ok(Content::Double(found))
    }

    fn visit_str<E: Error>(self, found: &str) -> Result<Content, E> {
        Ok(Content::Text(found.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Content>>()? {
            list.push(node(item));
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let key = Key { at: position(key.referenced), text: key.value };
            map.push((key, node(entries.next_value::<Spanned<Content>>()?)));
        }
        Ok(Content::Map(map))
    }
}

impl Node {
    /// What stands where nothing does.
    pub(crate) fn nothing() -> Node {
        Node { at: Position::START, offset: 0, content: Content::Null }
    }

    /// What a message calls this value.
    pub(crate) fn found(&self) -> String {
        match &self.content {
            Content::Null => "nothing".to_owned(),
            Content::Boolean(found) => format!("`{found}`"),
            Content::Integer(found) => format!("the number `{found}`"),
            Content::Double(found) => format!("the number `{found}`"),
            Content::Text(found) => format!("the text `{found}`"),
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a map".to_owned(),
        }
    }

    /// What JSON says, without places.
    pub(crate) fn from_json(json: &serde_json::Value) -> Node {
        use serde_json::Value;
        let content = match json {
            Value::Null => Content::Null,
            Value::Bool(found) => Content::Boolean(*found),
            Value::Number(found) => match found.as_i64() {
                Some(whole) => Content::Integer(whole),
                None => Content::Double(found.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(found) => Content::Text(found.clone()),
            Value::Array(items) => Content::List(items.iter().map(Node::from_json).collect()),
            Value::Object(members) => {
                let key = |text: &String| Key { at: Position::START, text: text.clone() };
                Content::Map(
                    members.iter().map(|(name, value)| (key(name), Node::from_json(value))).collect(),
                )
            }
        };
        Node { at: Position::START, offset: 0, content }
    }

    /// The same as JSON; members in order of their names, so that equal settings have equal bytes.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.content {
            Content::Null => Value::Null,
            Content::Boolean(found) => Value::from(*found),
            Content::Integer(found) => Value::from(*found),
            Content::Double(found) => Value::from(*found),
            Content::Text(found) => Value::from(found.as_str()),
            Content::List(items) => items.iter().map(Node::to_json).collect(),
            Content::Map(entries) => {
                let sorted: BTreeMap<_, _> =
                    entries.iter().map(|(key, value)| (key.text.clone(), value.to_json())).collect();
                Value::Object(sorted.into_iter().collect())
            }
        }
    }

    /// Where the value stands that JSON tools call `a.b[0]`, or the nearest one above it that exists.
    pub(crate) fn place(&self, path: &str) -> Position {
        let mut here = self;
        for step in path.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
            let next = match &here.content {
                Content::Map(entries) => {
                    entries.iter().find(|(key, _)| key.text == step).map(|(_, value)| value)
                }
                Content::List(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
                _ => None,
            };
            let Some(next) = next else { break };
            here = next;
        }
        here.at
    }

    /// Where a byte of this text's content stands in the file; beyond the last visible one, the place after that.
    ///
    /// YAML folds lines, strips indents and unescapes, so that content and file do not run in step; but the visible
    /// characters of the content all stand in the file, in the same order. Counting those finds the place.
    pub(crate) fn place_of_byte(&self, file: &str, byte: usize) -> Position {
        let Content::Text(content) = &self.content else { return self.at };
        let Some(source) = file.get(self.offset..) else { return self.at };
        let mut source = source.char_indices();
        if matches!(source.clone().next(), Some((_, '|' | '>'))) {
            source.find(|(_, each)| *each == '\n');
        }
        let is_visible = |each: char| !each.is_whitespace();
        let before = content.get(..byte).unwrap_or(content).chars().filter(|each| is_visible(*each)).count();
        let mut place = self.at;
        for (count, wanted) in content.chars().filter(|each| is_visible(*each)).enumerate().take(before + 1) {
            let Some((offset, _)) = source.find(|(_, each)| *each == wanted) else { break };
            place = Position::of(file, self.offset + offset);
            if count < before {
                place.column += 1;
            }
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        let mut problems = Vec::new();
        let node = parse(text, &mut Notes::of("a.yaml", &mut problems));
        node.unwrap_or_else(|| panic!("{problems:?}"))
    }

    fn member<'a>(node: &'a Node, name: &str) -> &'a Node {
        let Content::Map(entries) = &node.content else { panic!("{node:?}") };
        &entries.iter().find(|(key, _)| key.text == name).unwrap().1
    }

    #[test]
    fn every_value_knows_where_it_stands() {
        let tree = tree("# first\na: 1\nb:\n  - c: x\n    d: {e: no}\n  - 2.5\n");
        let b = member(&tree, "b");
        let Content::List(items) = &b.content else { panic!("{b:?}") };
        assert_eq!(member(&tree, "a").at, Position { line: 2, column: 4 });
        assert_eq!(member(&items[0], "c").at, Position { line: 4, column: 8 });
        assert_eq!(tree.place("b[0].d.e"), Position { line: 5, column: 12 });
        assert_eq!(tree.place("b[0].d.x"), Position { line: 5, column: 8 });
        assert_eq!(member(member(&items[0], "d"), "e").found(), "the text `no`");
        assert_eq!(items[1].found(), "the number `2.5`");
    }

    #[test]
    fn a_byte_of_a_folded_quoted_or_indented_text_is_found_in_the_file() {
        for (text, line, column) in [
            ("e: >-\n  a = 1\n  and  bad = 2\n", 3, 8),
            ("e: |\n  a = 1\n  and  bad = 2\n", 3, 8),
            ("e: a = 1\n  and  bad = 2\n", 2, 8),
            ("e: \"a = \\\"1\\\" and bad = 2\"\n", 1, 19),
            ("e: 'a = ''1'' and bad = 2'\n", 1, 19),
            ("# ü\nü: ö\ne: ö = 1 and bad = 2\n", 3, 14),
        ] {
            let tree = tree(text);
            let e = member(&tree, "e");
            let Content::Text(content) = &e.content else { panic!("{e:?}") };
            let byte = content.find("bad").unwrap();
            assert_eq!(e.place_of_byte(text, byte), Position { line, column }, "{text}");
            let end = Position { line, column: column + "bad = 2".len() };
            assert_eq!(e.place_of_byte(text, content.len()), end, "{text}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_no_valid_yaml() {
        let mut problems = Vec::new();
        assert!(parse("a: 1\nb: 2\na: 3\n", &mut Notes::of("a.yaml", &mut problems)).is_none());
        assert_eq!(
            problems[0].to_string(),
            "a.yaml:3:1: this is no valid YAML: the key `a` stands here a second time"
        );
    }
}
