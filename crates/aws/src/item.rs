//! Between the domain's types and DynamoDB's items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// An item as DynamoDB has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The version of the stored form, on every item as `v`.
pub(crate) const FORMAT: &str = "1";

/// An item under its keys.
pub(crate) fn item(
    pk: impl Into<String>,
    sk: impl Into<String>,
    content: &impl Serialize,
) -> Result<Item, Error> {
    let mut item: Item = encode(content)?;
    item.insert("pk".into(), AttributeValue::S(pk.into()));
    item.insert("sk".into(), AttributeValue::S(sk.into()));
    item.insert("v".into(), AttributeValue::N(FORMAT.into()));
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

/// What an item holds.
pub(crate) fn decode<T: DeserializeOwned>(item: Item) -> Result<T, Error> {
    let sk = text(&item, "sk").unwrap_or_default().to_owned();
    match item.get("v") {
        None => {}
        Some(AttributeValue::N(version)) if version == FORMAT => {}
        Some(_) => {
            return Err(Error::plain(format!(
                "item `{sk}` has a stored form that this build does not know: expected version {FORMAT}"
            )));
        }
    }
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
