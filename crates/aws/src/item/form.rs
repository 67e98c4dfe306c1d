//! The forms in which items are stored. An item says as `v` of which it is; an older one is brought to today's form by
//! small steps before anybody reads it, so that what reads items knows one form only.
//!
//! A form changes when what is read would differ, or when a build that knows only the former one would do harm by writing
//! the item back. How to add a step stands in ARCHITECTURE.md.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{Item, steps, text};
use crate::condition::unless_refused;
use crate::{Error, keys};

/// The attribute that says of which form an item is.
const FORM: &str = "v";

/// Brings an item from one form to the next. It is given whatever is stored, and leaves alone what it does not know.
type Step = fn(&mut Item);

/// Items that have one form.
pub(crate) struct Kind {
    /// What they are called.
    pub(crate) name: &'static str,
    /// Their sort key, or what it begins with.
    key: &'static str,
    /// The oldest form that is read.
    oldest: u32,
    /// The steps from that form to today's, each to the next.
    steps: &'static [Step],
}

const fn kind(name: &'static str, key: &'static str, steps: &'static [Step]) -> Kind {
    Kind { name, key, oldest: 1, steps }
}

static KINDS: [Kind; 8] = [
    kind("graph", keys::GRAPH, &[steps::graph_from_1, steps::graph_from_2, steps::graph_from_3]),
    kind("fragment", keys::FRAGMENT, &[]),
    kind("memberships", "M#", &[]),
    kind("delivery", keys::DELIVERY, &[]),
    kind("visitor", keys::VISITOR, &[steps::visitor_from_1, steps::visitor_from_2]),
    kind("link", keys::LINK, &[steps::link_from_1]),
    kind("reference", keys::REFERENCE, &[]),
    kind("refusal", "refusal#", &[steps::refusal_from_1]),
];

/// Whatever else the ledger holds.
static OTHER: Kind = kind("other", "", &[]);

impl Kind {
    /// The kind of the items of a sort key.
    pub(crate) fn of(sk: &str) -> &'static Kind {
        let is_of =
            |kind: &&Kind| if kind.key.ends_with('#') { sk.starts_with(kind.key) } else { sk == kind.key };
        KINDS.iter().find(is_of).unwrap_or(&OTHER)
    }

    /// The number of today's form.
    pub(crate) fn form(&self) -> u32 {
        self.steps.iter().fold(self.oldest, |form, _| form.saturating_add(1))
    }

    /// The same, as an attribute.
    pub(crate) fn attribute(&self) -> AttributeValue {
        AttributeValue::N(self.form().to_string())
    }

    /// Brings an item to today's form. Says whether it was of an older one.
    fn lift(&self, item: &mut Item) -> Result<bool, Error> {
        // What is only counted up says nothing of its form.
        let Some(found) = item.get(FORM) else { return Ok(false) };
        let found: Option<u32> = found.as_n().ok().and_then(|number| number.parse().ok());
        let done = found.and_then(|found| found.checked_sub(self.oldest));
        let steps = done.and_then(|done| self.steps.get(usize::try_from(done).ok()?..));
        let Some(steps) = steps else { return Err(self.unknown(item)) };
        for step in steps {
            step(item);
        }
        item.insert(FORM.to_owned(), self.attribute());
        Ok(!steps.is_empty())
    }

    fn unknown(&self, item: &Item) -> Error {
        let found = match item.get(FORM) {
            Some(AttributeValue::N(number)) => number.as_str(),
            _ => "?",
        };
        let is_newer = found.parse().is_ok_and(|found: u32| found > self.form());
        let advice = if is_newer {
            "a newer build wrote it, and this one leaves it as it is"
        } else {
            "an earlier build brings it up, by `tributary migrate`"
        };
        let (sk, name) = (text(item, "sk").unwrap_or_default(), self.name);
        Error::plain(format!(
            "item `{sk}`, a {name}, is of form {found}: this build reads forms {} to {}; {advice}",
            self.oldest,
            self.form()
        ))
    }
}

/// Brings an item to today's form. Says whether it was of an older one.
pub(crate) fn lift(item: &mut Item) -> Result<bool, Error> {
    Kind::of(text(item, "sk").unwrap_or_default()).lift(item)
}

/// Brings an item to today's form where it lies: only what its steps change is written, on condition that it is as it was
/// read, so that nobody who writes at the same time is overwritten. Versions that go up with every write stay as they are,
/// since what the item says stays the same. Says whether it was written.
pub(crate) async fn lift_where_it_lies(
    client: &Client,
    table: &str,
    read: &Item,
    lifted: &Item,
) -> Result<bool, Error> {
    let names: BTreeSet<&String> = read.keys().chain(lifted.keys()).collect();
    let changed = names.into_iter().filter(|name| read.get(*name) != lifted.get(*name));
    let key = |name: &str| read.get(name).cloned().map(|value| (name.to_owned(), value));
    let mut update = client.update_item().table_name(table);
    update = update.set_key(Some(["pk", "sk"].into_iter().filter_map(key).collect()));
    let (mut set, mut remove, mut conditions) = (Vec::new(), Vec::new(), Vec::new());
    for (index, name) in changed.enumerate() {
        update = update.expression_attribute_names(format!("#a{index}"), name);
        match read.get(name) {
            Some(value) => {
                conditions.push(format!("#a{index} = :read{index}"));
                update = update.expression_attribute_values(format!(":read{index}"), value.clone());
            }
            None => conditions.push(format!("attribute_not_exists(#a{index})")),
        }
        match lifted.get(name) {
            Some(value) => {
                set.push(format!("#a{index} = :next{index}"));
                update = update.expression_attribute_values(format!(":next{index}"), value.clone());
            }
            None => remove.push(format!("#a{index}")),
        }
    }
    let part = |word: &str, parts: Vec<String>| {
        if parts.is_empty() { String::new() } else { format!("{word} {} ", parts.join(", ")) }
    };
    let update = update
        .update_expression(part("SET", set) + &part("REMOVE", remove))
        .condition_expression(conditions.join(" AND "));
    Ok(unless_refused("bring an item to today's form", update.send().await)?.is_some())
}
