//! What a schema may change once records are stored by it, and what it may not.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test cannot set up fails it")]

use domain::schema::{Class, Field, FieldType, Fields, Format, IdentityDescriptor, Schema, breaks, insert};
use domain::value::Value;

fn applied() -> Schema {
    let mut fields = Fields::new();
    let mut add = |path: &str, field: Field| insert(&mut fields, &path.parse().unwrap(), field).unwrap();
    add("id", Field { identity: identity("Email", true), required: true, ..Field::of(FieldType::String) });
    add("partner.id", Field { identity: identity("NorthlightID", false), ..Field::of(FieldType::String) });
    add("partner.band", Field { allowed: texts(&["low", "high"]), ..Field::of(FieldType::String) });
    add("partner.score", Field { minimum: Some(0.0), maximum: Some(1.0), ..Field::of(FieldType::Double) });
    add("partner.free", Field::of(FieldType::String));
    let mut held = Field {
        format: Some(Format::Uri),
        pattern: Some("^h".parse().unwrap()),
        ..Field::of(FieldType::String)
    };
    (held.minimum_length, held.maximum_length) = (Some(2), Some(9));
    add("partner.held", held);
    let order = FieldType::Object([("total".to_owned(), Field::of(FieldType::Double))].into());
    add("orders", Field::of(FieldType::Array(Box::new(order))));
    Schema {
        name: "s".parse().unwrap(),
        title: String::new(),
        description: None,
        class: Class::Profile,
        fields,
    }
}

fn identity(namespace: &str, primary: bool) -> Option<IdentityDescriptor> {
    Some(IdentityDescriptor { namespace: namespace.parse().unwrap(), primary })
}

fn texts(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|text| Value::String((*text).to_owned())).collect()
}

/// The field at a path, through the objects of arrays too.
fn at<'a>(fields: &'a mut Fields, path: &str) -> &'a mut Field {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let field = fields.get_mut(first).unwrap();
    let Some(rest) = rest else { return field };
    match &mut field.kind {
        FieldType::Object(members) => at(members, rest),
        FieldType::Array(item) => match &mut **item {
            FieldType::Object(members) => at(members, rest),
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

type Change = fn(&mut Schema);

#[test]
fn what_only_adds_is_allowed() {
    let cases: [(&str, Change); 16] = [
        ("nothing", |_| {}),
        ("a title", |schema| schema.title = "other".into()),
        ("a label", |schema| at(&mut schema.fields, "partner.free").labels = ["C2".into()].into()),
        ("a description", |schema| at(&mut schema.fields, "id").description = Some("new".into())),
        ("a field", |schema| drop(schema.fields.insert("new".into(), Field::of(FieldType::Date)))),
        ("a field with an identity", |schema| {
            let field = Field { identity: identity("Phone", false), ..Field::of(FieldType::String) };
            schema.fields.insert("phone".into(), field);
        }),
        ("an object with a required field", |schema| {
            let field = Field { required: true, ..Field::of(FieldType::String) };
            insert(&mut schema.fields, &"new.name".parse().unwrap(), field).unwrap();
        }),
        ("a field of a list's objects", |schema| {
            let FieldType::Array(item) = &mut at(&mut schema.fields, "orders").kind else { panic!() };
            let FieldType::Object(members) = &mut **item else { panic!() };
            members.insert("currency".into(), Field::of(FieldType::String));
        }),
        ("a listed value", |schema| at(&mut schema.fields, "partner.band").allowed.extend(texts(&["mid"]))),
        ("any value", |schema| at(&mut schema.fields, "partner.band").allowed.clear()),
        ("wider limits", |schema| {
            let field = at(&mut schema.fields, "partner.score");
            (field.minimum, field.maximum) = (Some(-1.0), Some(2.0));
        }),
        ("no limits", |schema| {
            let field = at(&mut schema.fields, "partner.score");
            (field.minimum, field.maximum) = (None, None);
        }),
        ("wider lengths", |schema| {
            let field = at(&mut schema.fields, "partner.held");
            (field.minimum_length, field.maximum_length) = (Some(1), None);
        }),
        ("no format", |schema| at(&mut schema.fields, "partner.held").format = None),
        ("no pattern", |schema| at(&mut schema.fields, "partner.held").pattern = None),
        ("a field that is no longer required", |schema| at(&mut schema.fields, "id").required = false),
    ];
    for (case, change) in cases {
        let mut now = applied();
        change(&mut now);
        assert_eq!(breaks(&applied(), &now), [], "{case}");
    }
}

#[test]
fn what_takes_back_is_refused_with_the_field_and_the_reason() {
    let cases: [(Change, &str); 20] = [
        (|schema| schema.class = Class::ExperienceEvent, "the class was applied as profile and stays"),
        (|schema| drop(schema.fields.remove("orders")), "field `orders` is gone"),
        (|schema| drop(schema.fields.remove("partner")), "field `partner` is gone"),
        (
            |schema| at(&mut schema.fields, "partner.free").kind = FieldType::Integer,
            "field `partner.free` was applied as string and is now integer",
        ),
        (
            |schema| at(&mut schema.fields, "partner.score").kind = FieldType::Integer,
            "was applied as double and is now integer",
        ),
        (
            |schema| at(&mut schema.fields, "orders.total").kind = FieldType::String,
            "field `orders.total` was applied as double and is now string",
        ),
        (
            |schema| at(&mut schema.fields, "partner.free").required = true,
            "field `partner.free` is now required",
        ),
        (
            |schema| {
                drop(
                    schema
                        .fields
                        .insert("new".into(), Field { required: true, ..Field::of(FieldType::Date) }),
                )
            },
            "field `new` is now required, and stored records may lack it",
        ),
        (
            |schema| drop(at(&mut schema.fields, "partner.band").allowed.pop()),
            "field `partner.band` no longer allows every value that it allowed",
        ),
        (
            |schema| at(&mut schema.fields, "partner.free").allowed = texts(&["a"]),
            "field `partner.free` no longer allows",
        ),
        (|schema| at(&mut schema.fields, "partner.score").minimum = Some(0.1), "has a higher minimum"),
        (|schema| at(&mut schema.fields, "partner.score").maximum = Some(0.9), "has a lower maximum"),
        (
            |schema| at(&mut schema.fields, "partner.held").minimum_length = Some(3),
            "asks for more characters",
        ),
        (|schema| at(&mut schema.fields, "partner.held").maximum_length = Some(8), "allows fewer characters"),
        (|schema| at(&mut schema.fields, "partner.held").format = Some(Format::Email), "has another format"),
        (
            |schema| at(&mut schema.fields, "partner.free").pattern = Some("a".parse().unwrap()),
            "has another pattern",
        ),
        (
            |schema| at(&mut schema.fields, "partner.id").identity = None,
            "field `partner.id` is no identity any longer",
        ),
        (
            |schema| at(&mut schema.fields, "partner.free").identity = identity("Phone", false),
            "has become an identity",
        ),
        (
            |schema| at(&mut schema.fields, "id").identity = identity("Phone", true),
            "identifies in another namespace",
        ),
        (
            |schema| at(&mut schema.fields, "id").identity = identity("Email", false),
            "differs in being the primary identity",
        ),
    ];
    for (change, expected) in cases {
        let mut now = applied();
        change(&mut now);
        let told: Vec<String> = breaks(&applied(), &now).iter().map(ToString::to_string).collect();
        assert!(matches!(&told[..], [one] if one.contains(expected)), "{expected}: {told:?}");
    }
}
