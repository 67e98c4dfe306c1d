//! Schemas, a profile and its events, which every table of cases speaks of.

use domain::schema::{Field, FieldType, Fields};
use domain::value::{Object, Value};
use jiff::Timestamp;
use pql::{Checked, Event, Expression, Page, Planner, Reference, Schemas, Subject};

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

/// Fields of events. That they have a `timestamp` goes without saying.
pub fn event_schema() -> Fields {
    let object = |fields: &[(&str, FieldType)]| FieldType::Object(fields_of(fields));
    fields_of(&[
        ("eventType", FieldType::String),
        ("web", object(&[("page", object(&[("URL", FieldType::String), ("views", FieldType::Integer)]))])),
        (
            "order",
            object(&[
                ("total", FieldType::Double),
                ("paidAt", FieldType::DateTime),
                ("shipOn", FieldType::Date),
                ("currency", FieldType::String),
            ]),
        ),
        ("tags", FieldType::Array(Box::new(FieldType::String))),
        ("age", FieldType::Integer),
    ])
}

/// What Bobby Bank did, in no order: the times and fields of events.
///
/// | when | what |
/// |---|---|
/// | Sunday 25 January, 08:00 | a view of `/mortgage` |
/// | Friday 30 January, 09:00 | an order of 120.5 |
/// | Saturday 31 January, 11:30 | a view of `/` |
/// | 11:50 | a view of `/paint` |
/// | 11:55 | an addition to the cart |
/// | 11:55 | a search |
/// | 12:00, which is now | a view of `/now` |
pub fn events() -> Vec<(Timestamp, Object)> {
    let text = |text: &str| Value::String(text.to_owned());
    let object = |members: &[(&str, Value)]| Value::Object(object_of(members));
    let view = |url: &str| {
        let page = object(&[("URL", text(url)), ("views", Value::Integer(1))]);
        object_of(&[("eventType", text("view")), ("web", object(&[("page", page)]))])
    };
    let order = object(&[
        ("total", Value::Double(120.5)),
        ("paidAt", text("2026-01-31T07:00:00Z")),
        ("shipOn", text("2026-02-02")),
    ]);
    let events = [
        ("2026-01-31T11:50:00Z", view("/paint")),
        ("2026-01-31T11:30:00Z", view("/")),
        ("2026-01-31T12:00:00Z", view("/now")),
        (
            "2026-01-31T11:55:00Z",
            object_of(&[("eventType", text("cart")), ("tags", Value::Array(vec![text("a")]))]),
        ),
        ("2026-01-30T09:00:00Z", object_of(&[("eventType", text("order")), ("order", order)])),
        ("2026-01-25T08:00:00Z", view("/mortgage")),
        ("2026-01-31T11:55:00Z", object_of(&[("eventType", text("search"))])),
    ];
    events.into_iter().map(|(at, fields)| (at.parse().unwrap(), fields)).collect()
}

fn object_of(members: &[(&str, Value)]) -> Object {
    members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// Checks an expression against [`schema`] and [`event_schema`].
pub fn check(expression: &Expression) -> Result<Checked, Vec<pql::Error>> {
    expression.check(&Schemas { profile: &schema(), events: &event_schema() })
}

/// What an expression answers for [`profile`] and [`events`], for a member of `members`, at noon (UTC) of
/// Saturday, 31 January 2026.
pub fn evaluate(text: &str) -> Result<bool, pql::Error> {
    let checked = check(&pql::parse(text)?).map_err(|mut errors| errors.remove(0))?;
    let (attributes, events) = (profile(), events());
    let events: Vec<Event<'_>> = events.iter().map(|(at, fields)| Event { at: *at, fields }).collect();
    let mut planner = Planner::default();
    planner.add(&checked, 0, |id| (id == "members").then_some(Reference::Known(0)));
    let plan = planner.finish();
    let subject = Subject { attributes: &[attributes], events: &events, audiences: &[true] };
    let now = Timestamp::constant(1_769_860_800, 0);
    // Whoever stands alone is looked at otherwise than a crowd.
    let answers =
        [1, 100].map(|size| Page::new(&plan, &vec![subject; size], now).evaluate().holds(0, size - 1));
    assert_eq!(answers[0], answers[1], "{text}");
    Ok(answers[0])
}
