//! Between the domain's types and DynamoDB's items.

mod form;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use form::{Kind, lift, lift_where_it_lies};

use crate::Error;

/// An item as DynamoDB has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// An item under its keys, in today's form.
pub(crate) fn item(
    pk: impl Into<String>,
    sk: impl Into<String>,
    content: &impl Serialize,
) -> Result<Item, Error> {
    let sk = sk.into();
    let mut item: Item = encode(content)?;
    item.insert("v".into(), Kind::of(&sk).attribute());
    item.insert("pk".into(), AttributeValue::S(pk.into()));
    item.insert("sk".into(), AttributeValue::S(sk));
    Ok(item)
}

/// The attributes that a value comes to.
pub(crate) fn encode(content: &impl Serialize) -> Result<Item, Error> {
    let item: serde_dynamo::Item =
        serde_dynamo::to_item(content).map_err(|error| Error::of("write an item", error))?;
    Ok(item.into())
}

/// One attribute that a value comes to.
pub(crate) fn attribute(content: &impl Serialize) -> Result<AttributeValue, Error> {
    let value: serde_dynamo::AttributeValue =
        serde_dynamo::to_attribute_value(content).map_err(|error| Error::of("write an attribute", error))?;
    Ok(value.into())
}

/// What an item holds, whichever form it was stored in.
pub(crate) fn decode<T: DeserializeOwned>(mut item: Item) -> Result<T, Error> {
    lift(&mut item)?;
    let sk = text(&item, "sk").unwrap_or_default().to_owned();
    serde_dynamo::from_item(serde_dynamo::Item::from(item))
        .map_err(|error| Error::of(&format!("read item `{sk}`"), error))
}

/// A text attribute.
pub(crate) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// A key of two texts.
pub(crate) fn key(pk: impl Into<String>, sk: impl Into<String>) -> Item {
    HashMap::from([("pk".into(), AttributeValue::S(pk.into())), ("sk".into(), AttributeValue::S(sk.into()))])
}
