//! A schema and a profile that every table of cases speaks of.

use domain::schema::{Field, FieldType, Fields};
use domain::value::{Object, Value};
use jiff::Timestamp;
use pql::{Checked, Context, Expression, Schemas};

/// Fields of every type; those that end in `Missing` have no value in [`profile`].
pub fn schema() -> Fields {
    let object = |fields: &[(&str, FieldType)]| FieldType::Object(fields_of(fields));
    let strings = || FieldType::Array(Box::new(FieldType::String));
    fields_of(&[
        (
            "name",
            object(&[
                ("first", FieldType::String),
                ("last", FieldType::String),
                ("middle", FieldType::String),
            ]),
        ),
        (
            "partner",
            object(&[
                ("netWorthBand", FieldType::String),
                ("recentMortgage", FieldType::Double),
                ("homeOwner", FieldType::Boolean),
                ("segments", strings()),
            ]),
        ),
        ("age", FieldType::Integer),
        ("balance", FieldType::Double),
        ("hasAdvisor", FieldType::Boolean),
        ("birthDate", FieldType::Date),
        ("lastSeen", FieldType::DateTime),
        ("tags", strings()),
        ("moreTags", strings()),
        ("noTags", strings()),
        ("scores", FieldType::Array(Box::new(FieldType::Integer))),
        ("limits", FieldType::Map(Box::new(FieldType::Integer))),
        ("orders", FieldType::Array(Box::new(object(&[("total", FieldType::Double)])))),
        ("month", FieldType::Integer),
        ("in", FieldType::String),
        ("_tenant", object(&[("id", FieldType::String)])),
        ("textMissing", FieldType::String),
        ("numberMissing", FieldType::Integer),
        ("booleanMissing", FieldType::Boolean),
        ("dateMissing", FieldType::Date),
        ("tagsMissing", strings()),
        ("objectMissing", object(&[("text", FieldType::String)])),
    ])
}

fn fields_of(fields: &[(&str, FieldType)]) -> Fields {
    fields.iter().map(|(name, kind)| ((*name).to_owned(), Field::of(kind.clone()))).collect()
}

/// Bobby Bank.
pub fn profile() -> Object {
    let text = |text: &str| Value::String(text.to_owned());
    let texts = |texts: &[&str]| Value::Array(texts.iter().copied().map(text).collect());
    let object = |members: &[(&str, Value)]| Value::Object(object_of(members));
    object_of(&[
        ("name", object(&[("first", text("Bobby")), ("last", text("Bank"))])),
        (
            "partner",
            object(&[
                ("netWorthBand", text("very high")),
                ("recentMortgage", Value::Double(0.83)),
                ("homeOwner", Value::Boolean(true)),
                ("segments", texts(&["golf", "yacht"])),
            ]),
        ),
        ("age", Value::Integer(42)),
        ("balance", Value::Double(1999.5)),
        ("hasAdvisor", Value::Boolean(false)),
        ("birthDate", text("1984-02-29")),
        ("lastSeen", text("2026-01-31T10:00:00+02:00")),
        ("tags", texts(&["a", "b", "c"])),
        ("moreTags", texts(&["c", "d"])),
        ("noTags", texts(&[])),
        ("scores", Value::Array(vec![Value::Integer(1), Value::Double(2.0)])),
        ("limits", object(&[("card", Value::Integer(500))])),
        ("month", Value::Integer(7)),
        ("in", text("side")),
        ("_tenant", object(&[("id", text("ID.42+"))])),
    ])
}

fn object_of(members: &[(&str, Value)]) -> Object {
    members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// The profile of a member of `members`, at noon (UTC) of 31 January 2026.
pub fn context(attributes: &Object) -> Context<'_> {
    let noon = Timestamp::constant(1_769_860_800, 0);
    Context { attributes, events: &[], audiences: &|id| id == "members", now: noon }
}

/// Checks an expression against [`schema`].
pub fn check(expression: &Expression) -> Result<Checked, Vec<pql::Error>> {
    expression.check(&Schemas { profile: &schema(), events: &Fields::new() })
}

/// What an expression answers for [`profile`].
pub fn evaluate(text: &str) -> Result<bool, pql::Error> {
    let checked = check(&pql::parse(text)?).map_err(|mut errors| errors.remove(0))?;
    Ok(checked.compile().evaluate(&context(&profile())))
}
