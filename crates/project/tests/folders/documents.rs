//! XDM documents in the style in which they are published, all invented: what they come to, and what is said of those
//! that are broken.

use std::fs;

use domain::catalogue::Catalogue;
use domain::schema::Class;
use project::{Described, Documents, Problems, Project, field_groups};

use crate::example::TODAY;
use crate::support::{Kit, changed};

/// A schema of a class, a field group and a data type under a tenant's own ids.
pub const LOYALTY: &str = r##"{
  "$id": "https://ns.example.com/acme/schemas/loyalty",
  "$schema": "http://json-schema.org/draft-06/schema#",
  "title": "Loyalty member",
  "description": "A member of the loyalty programme.",
  "type": "object",
  "meta:class": "https://ns.adobe.com/xdm/context/profile",
  "meta:extends": ["https://ns.adobe.com/xdm/context/profile", "https://ns.example.com/acme/mixins/member"],
  "allOf": [{"$ref": "https://ns.example.com/acme/mixins/member"}, {"$ref": "#/definitions/own"}],
  "definitions": {
    "own": {
      "properties": {
        "@id": {"type": "string", "format": "uri-reference", "title": "Identifier"},
        "repo:createDate": {"type": "string", "format": "date-time", "meta:immutable": true},
        "@context": {"type": "object", "properties": {"xdm": {"const": "https://ns.adobe.com/xdm/"}}}
      }
    }
  }
}"##;

pub const MEMBER: &str = r##"{
  "$id": "https://ns.example.com/acme/mixins/member",
  "title": "Member",
  "type": "object",
  "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
  "$defs": {
    "member": {
      "properties": {
        "_acme": {
          "type": "object",
          "required": ["memberId"],
          "properties": {
            "memberId": {"type": "string", "title": "Member ID", "minLength": 4, "maxLength": 12},
            "email": {"type": "string", "format": "email"},
            "tier": {
              "type": "string", "enum": ["basic", "gold"], "default": "basic",
              "meta:enum": {"basic": "Basic", "gold": "Gold", "old": "No longer given"}
            },
            "status": {"type": "string", "meta:enum": {"active": "Active"}},
            "points": {"type": "integer", "meta:xdmType": "long", "minimum": 0},
            "stars": {"type": "integer", "meta:xdmType": "byte"},
            "score": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            "isActive": {"type": ["boolean", "null"]},
            "joined": {"type": "string", "format": "date"},
            "homes": {"type": "array", "items": {"$ref": "../datatypes/address"}},
            "main": {"$ref": "https://ns.example.com/acme/datatypes/address#", "title": "Main address"},
            "preferences": {"type": "object", "meta:xdmType": "map", "additionalProperties": {"type": "boolean"}},
            "codes": {"type": "array", "items": {"type": "string", "pattern": "^[A-Z]{3}$"}},
            "either": {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"id": {"type": "string"}}}]},
            "any": {"anyOf": [{"type": "integer", "minimum": 3}, {"type": "number", "minimum": 1}, {"type": "null"}]},
            "free": {"type": "object"},
            "untyped": {"title": "Anything"}
          }
        }
      }
    }
  },
  "allOf": [{"$ref": "#/$defs/member"}]
}"##;

pub const ADDRESS: &str = r##"{
  "$id": "https://ns.example.com/acme/datatypes/address",
  "title": "Address",
  "type": "object",
  "properties": {
    "xdm:country": {"type": "string", "pattern": "^[A-Z]{2}$", "title": "Country"},
    "xdm:street": {"type": "string"}
  },
  "required": ["xdm:country"]
}"##;

pub const DESCRIPTORS: &str = r##"[
  {
    "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": "https://ns.example.com/acme/schemas/loyalty",
    "xdm:sourceVersion": 1, "xdm:sourceProperty": "/_acme/memberId", "xdm:namespace": "CRMID",
    "xdm:property": "xdm:code", "xdm:isPrimary": true
  },
  {
    "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": "https://ns.example.com/acme/mixins/member",
    "xdm:sourceProperty": "/_acme/email", "xdm:namespace": "Email", "xdm:isPrimary": false
  },
  {
    "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": "https://ns.example.com/acme/schemas/other",
    "xdm:sourceProperty": "/nowhere", "xdm:namespace": "Email", "xdm:isPrimary": true
  },
  {"@type": "xdm:alternateDisplayInfo", "xdm:sourceProperty": "/nowhere"}
]"##;

const LABELS: &str = r##"{"results": [
  {
    "@type": "xdm:descriptorLabel", "xdm:sourceSchema": "https://ns.example.com/acme/schemas/loyalty",
    "xdm:sourceProperty": ["/_acme/memberId", "/_acme/homes[*]/xdm:street"], "xdm:labels": ["core/I1"]
  },
  {
    "@type": "xdm:descriptorLabel", "xdm:sourceSchema": "https://ns.example.com/acme/schemas/loyalty",
    "xdm:sourceProperty": "/_acme/main", "xdm:excludeProperty": "/_acme/main/country", "xdm:labels": ["C2"]
  }
]}"##;

const FILES: [(&str, &str); 5] = [
    ("schemas/loyalty.schema.json", LOYALTY),
    ("schemas/xdm/member.schema.json", MEMBER),
    ("schemas/xdm/address.schema.json", ADDRESS),
    ("schemas/loyalty.descriptors.json", DESCRIPTORS),
    ("schemas/loyalty.labels.json", LABELS),
];

fn described(files: &[(&str, &str)]) -> Result<Described, Problems> {
    let mut documents = Documents::default();
    for (file, text) in files {
        documents.add(file, text)?;
    }
    documents.describe(files[0].0)
}

/// Every field on a line of its own.
fn shown(described: &Described) -> String {
    let fields = domain::schema::leaves(&described.fields);
    let lines = fields.iter().map(|(path, field)| {
        let json = serde_json::to_string(field).unwrap();
        format!("{path}: {json}\n")
    });
    let warnings = described.warnings.iter().map(|warning| format!("warning: {warning}\n"));
    format!(
        "{} ({:?})\n{}{}",
        described.title,
        described.class,
        lines.collect::<String>(),
        warnings.collect::<String>()
    )
}

fn compiled(files: &[(&str, &str)]) -> Result<(Project, Catalogue), Problems> {
    let folder = changed(|folder| {
        fs::create_dir_all(folder.join("schemas/xdm")).unwrap();
        for (file, text) in files {
            fs::write(folder.join(file), text).unwrap();
        }
    });
    let project = Project::load(folder.path(), &Kit)?;
    let catalogue = project.compile(None, TODAY)?.catalogue;
    Ok((project, catalogue))
}

#[test]
fn a_document_becomes_fields_with_everything_that_speaks_of_them() {
    insta::assert_snapshot!(shown(&described(&FILES).unwrap()));
}

#[test]
fn a_project_holds_documents_as_they_are_published() {
    let (project, catalogue) = compiled(&FILES).unwrap();
    let schema = &catalogue.schemas[&"loyalty".parse().unwrap()];
    assert_eq!((schema.title.as_str(), schema.class), ("Loyalty member", Class::Profile));
    assert_eq!(schema.fields, described(&FILES).unwrap().fields);
    assert!(project.warnings().iter().any(|warning| warning.file == "schemas/xdm/member.schema.json"));
}

#[test]
fn what_is_imported_as_yaml_is_the_same_schema() {
    let described = described(&FILES).unwrap();
    let yaml = described.to_yaml(Class::Profile);
    insta::assert_snapshot!(yaml);
    let (_, catalogue) = compiled(&[("schemas/loyalty.yaml", &yaml)]).unwrap();
    let schema = &catalogue.schemas[&"loyalty".parse().unwrap()];
    assert_eq!(schema.fields, described.fields);
    assert_eq!(Described::of_yaml("loyalty.yaml", &yaml).unwrap().fields, described.fields);
}

/// The example's documents with a change in one, or with one more.
fn broken(file: &str, old: &str, new: &str) -> Vec<(String, String)> {
    let mut files: Vec<_> =
        FILES.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    match files.iter_mut().find(|(known, _)| known == file) {
        Some((_, text)) => {
            assert!(text.contains(old), "{file} has no `{old}`");
            *text = text.replacen(old, new, 1);
        }
        None => files.push((file.to_owned(), new.to_owned())),
    }
    files
}

#[test]
fn what_is_wrong_with_a_document_is_said_with_its_place_and_what_to_do() {
    let (loyalty, member, address) = (FILES[0].0, FILES[1].0, FILES[2].0);
    let (descriptors, labels) = (FILES[3].0, FILES[4].0);
    let cases = [
        ("no JSON", member, "\"$id\"", "$id"),
        ("a reference to a document that is not there", member, "datatypes/address#", "datatypes/adress"),
        ("a reference to nothing", member, "#/$defs/member", "#/$defs/membr"),
        ("an unknown type", member, "\"type\": \"number\"", "\"type\": \"numeric\""),
        ("a pattern with look-ahead", address, "^[A-Z]{2}$", "(?=a)b"),
        ("a name that no field has", address, "xdm:street", "xdm:street-name"),
        (
            "two types",
            loyalty,
            "\"@id\": {\"type\": \"string\", \"format\"",
            "\"_acme\": {\"type\": \"string\"}, \"@id\": {\"format\"",
        ),
        (
            "lists without a common value",
            loyalty,
            "\"@id\": {",
            "\"_acme\": {\"properties\": {\"tier\": {\"enum\": [\"silver\"]}}}, \"@id\": {",
        ),
        ("limits that nothing fits", member, "\"byte\"}", "\"byte\", \"minimum\": 200}"),
        (
            "a part of itself",
            address,
            "\"xdm:street\": {",
            "\"xdm:inner\": {\"$ref\": \"#\"}, \"xdm:street\": {",
        ),
        (
            "no class",
            loyalty,
            "\"meta:class\": \"https://ns.adobe.com/xdm/context/profile\",\n  \"meta:extends\": [\"https://ns.adobe.com/xdm/context/profile\", ",
            "\"meta:extends\": [",
        ),
        ("an `$id` twice", "schemas/xdm/other.json", "", ADDRESS),
        ("descriptors of nothing", "schemas/loyal.descriptors.json", "", "[]"),
        (
            "a schema in YAML too",
            "schemas/loyalty.yaml",
            "",
            "class: profile\nfields:\n  id: {type: string, identity: {namespace: Email, primary: true}}\n",
        ),
        ("no primary identity", descriptors, "\"xdm:isPrimary\": true", "\"xdm:isPrimary\": false"),
        ("an identity of no field", descriptors, "/_acme/memberId", "/_acme/memberID"),
        ("an identity of a list", descriptors, "/_acme/memberId", "/_acme/codes"),
        ("an identity in a namespace by number", descriptors, "xdm:code", "xdm:id"),
        ("an identity in an unknown namespace", descriptors, "CRMID", "CRM"),
        ("a label of no field", labels, "/_acme/memberId", "/_acme/nothing"),
        ("an unknown label", labels, "core/I1", "core/I9"),
        ("a label that is no text", labels, "[\"core/I1\"]", "[1]"),
        ("no label", labels, "[\"core/I1\"]", "[]"),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|(case, file, old, new)| {
            let files = broken(file, old, new);
            let files: Vec<_> = files.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
            let told =
                compiled(&files).map_or_else(|problems| problems.to_string(), |_| "nothing".to_owned());
            format!("# {case}\n{told}\n")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_taken_otherwise_than_it_is_written_is_warned_of() {
    let (member, descriptors, labels) = (FILES[1].0, FILES[3].0, FILES[4].0);
    let schema = "\"xdm:sourceSchema\": \"https://ns.example.com/acme/schemas/loyalty\"";
    let typed = schema.replace("loyalty", "loyality");
    for (case, file, old, new, expected) in [
        (
            "labels of a schema that is not here",
            labels,
            schema,
            typed.as_str(),
            Some("no document here has the `$id` `https://ns.example.com/acme/schemas/loyality`"),
        ),
        ("labels of another document", labels, "schemas/loyalty", "datatypes/address", None),
        ("identities of another schema", descriptors, "schemas/other", "schemas/others", None),
        (
            "values of another type",
            member,
            "\"integer\", \"meta:xdmType\": \"long\"",
            "\"integer\", \"enum\": [\"a\"]",
            Some("none of the listed values is of type integer"),
        ),
    ] {
        let files = broken(file, old, new);
        let files: Vec<_> = files.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
        let before = described(&FILES).unwrap().warnings;
        let warnings = described(&files).unwrap().warnings;
        let more: Vec<String> =
            warnings.iter().filter(|warning| !before.contains(warning)).map(ToString::to_string).collect();
        match expected {
            Some(expected) => {
                assert!(matches!(more.as_slice(), [only] if only.contains(expected)), "{case}: {more:?}")
            }
            None => assert!(more.is_empty(), "{case}: {more:?}"),
        }
    }
    for (rule, expected) in [
        (r#""pattern": 5"#, "`pattern` is a number, and is left out: expected a text"),
        (r#""enum": "x""#, "`enum` is a text, and is left out: expected a list"),
        (r#""enum": ["a", 5]"#, "not all of the listed values are of type string"),
        (r#""minLength": "x""#, "`minLength` is a text, and is left out: expected a whole number"),
        (r#""maxLength": -1"#, "`maxLength` is a number, and is left out: expected a whole number"),
        (r#""minimum": "0""#, "`minimum` is a text, and is left out: expected a number"),
        (r#""required": "a""#, "`required` is a text, and is left out: expected a list of texts"),
    ] {
        let text = format!(r#"{{"type": "object", "properties": {{"code": {{"type": "string", {rule}}}}}}}"#);
        let warnings = described(&[("a.json", &text)]).unwrap().warnings;
        let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        assert!(matches!(told.as_slice(), [only] if only.contains(expected)), "{rule}: {told:?}");
    }
    let required =
        r#"{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "nosuch"]}"#;
    let warnings = described(&[("a.json", required)]).unwrap().warnings;
    assert!(
        matches!(warnings.as_slice(), [only] if only.message.contains("no field `nosuch`")),
        "{warnings:?}"
    );
    let twice = r#"{"type": "object", "properties": {"code": {"allOf": [
        {"type": "string", "pattern": "^A", "format": "uuid"}, {"pattern": "^A", "format": "uuid"},
        {"pattern": "^B"}, {"format": "email"}]}}}"#;
    let warnings = described(&[("a.json", twice)]).unwrap().warnings;
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert!(
        matches!(told.as_slice(), [pattern, format] if pattern.contains("another pattern") && format.contains("another format")),
        "{told:?}"
    );
}

#[test]
fn what_validate_refuses_is_refused_of_a_document_by_itself_too() {
    let field = |rules: &str| {
        format!(r#"{{"type": "object", "properties": {{"a": {{{rules}}}, "b": {{"type": "string"}}}}}}"#)
    };
    let identity = |property: &str| {
        format!(
            r#"{{"@type": "xdm:descriptorIdentity", "xdm:sourceSchema": "https://ns.example.com/a", "xdm:sourceProperty": "/{property}", "xdm:namespace": "CRMID", "xdm:isPrimary": true}}"#
        )
    };
    let two = field(r#""type": "string""#).replacen('{', r#"{"$id": "https://ns.example.com/a", "#, 1);
    let descriptors = format!("[{}, {}]", identity("a"), identity("b"));
    for (document, descriptors, expected) in [
        (two, descriptors.as_str(), "field `b` is a second primary identity"),
        (
            field(r#""type": "integer", "minimum": 9, "maximum": 1"#),
            "[]",
            "the minimum 9 lies above the maximum 1",
        ),
        (
            field(r#""type": "string", "minLength": 9, "maxLength": 1"#),
            "[]",
            "the minimum length 9 lies above",
        ),
    ] {
        let told = described(&[("a.json", &document), ("a.descriptors.json", descriptors)]);
        let told = told.map_or_else(|problems| problems.to_string(), |_| "nothing".to_owned());
        assert!(told.contains(expected), "{told}: expected {expected}");
    }
}

#[test]
fn definitions_together_come_to_no_more_than_a_document_may() {
    let properties: Vec<String> =
        (0..2_000).map(|name| format!(r#""p{name}": {{"type": "string"}}"#)).collect();
    let parts: Vec<String> =
        (0..99).map(|name| format!(r##""part{name}": {{"$ref": "#/definitions/all"}}"##)).collect();
    let text = format!(
        r#"{{"definitions": {{"all": {{"properties": {{{}}}}}, {}}}}}"#,
        properties.join(","),
        parts.join(",")
    );
    let told = described(&[("a.json", &text)]).unwrap_err().to_string();
    assert!(told.contains("the document comes to more than 100000 schemas"), "{told:.300}");
}

#[test]
fn hostile_documents_are_refused_in_short_order() {
    let chain: Vec<String> =
        (0..70).map(|link| format!(r##""d{link}": {{"$ref": "#/definitions/d{}"}}"##, link + 1)).collect();
    let chain = format!(r##"{{"$ref": "#/definitions/d0", "definitions": {{{}}}}}"##, chain.join(","));
    let nested =
        |depth: usize| format!("{}{{}}{}", r#"{"properties":{"a":"#.repeat(depth), "}}".repeat(depth));
    // Each definition refers to the next one ten times, so that the first comes to 10^9 schemas.
    let definitions: Vec<String> = (0..9)
        .map(|level| {
            let references: Vec<String> = (0..10)
                .map(|name| format!(r##""p{name}": {{"$ref": "#/definitions/d{}"}}"##, level + 1))
                .collect();
            format!(r#""d{level}": {{"properties": {{{}}}}}"#, references.join(","))
        })
        .collect();
    let bomb = format!(
        r##"{{"$ref": "#/definitions/d0", "definitions": {{{}, "d9": {{"type": "string"}}}}}}"##,
        definitions.join(",")
    );
    let texts = format!(
        r##"{{"properties": {{{}}}, "definitions": {{"long": {{"type": "string", "title": "{}"}}}}}}"##,
        (0..100)
            .map(|name| format!(r##""p{name}": {{"$ref": "#/definitions/long"}}"##))
            .collect::<Vec<_>>()
            .join(","),
        "x".repeat(1 << 20)
    );
    let patterns: Vec<String> =
        (0..1_100).map(|name| format!(r#""p{name}": {{"type": "string", "pattern": "a{name}"}}"#)).collect();
    let patterns = format!(r#"{{"properties": {{{}}}}}"#, patterns.join(","));
    for (text, expected) in [
        (chain, "more than 64 schemas lie in each other"),
        (nested(200), "recursion limit"),
        (bomb, "the document comes to more than 100000 schemas"),
        (texts, "bytes of their texts"),
        (patterns, "more than 1000 patterns"),
        (r##"{"$ref": "#"}"##.to_owned(), "this schema is a part of itself"),
        (r##"{"allOf": [{"$ref": "#/allOf/0"}]}"##.to_owned(), "this schema is a part of itself"),
        (format!("\"{}\"", "x".repeat(5 << 20)), "expected at most 4194304"),
        ("[]".to_owned(), "expected a schema, an object"),
    ] {
        let told = described(&[("a.json", &text)]).unwrap_err().to_string();
        assert!(told.contains(expected), "{expected}: {}", told.chars().take(300).collect::<String>());
    }
}

#[test]
fn a_schema_that_is_deeper_than_a_catalogue_can_be_read_is_refused() {
    let path = |steps: usize| vec!["a"; steps].join(".");
    let schema = |steps: usize| {
        format!(
            "class: profile\nfields:\n  id: {{type: string, identity: {{namespace: Email, primary: true}}}}\n  {}: {{type: string}}\n",
            path(steps)
        )
    };
    let (_, catalogue) = compiled(&[("schemas/deep.yaml", &schema(20))]).unwrap();
    let bytes = serde_json::to_vec(&catalogue).unwrap();
    assert_eq!(serde_json::from_slice::<Catalogue>(&bytes).unwrap(), catalogue);
    let told = compiled(&[("schemas/deep.yaml", &schema(21))]).err().unwrap().to_string();
    assert!(told.starts_with("schemas/deep.yaml:4:3: this field lies 21 levels deep"), "{told}");
}

#[test]
fn a_schema_takes_the_fields_of_groups_by_their_names() {
    let own = "class: profile\nfield_groups: [tributary/demographics, tributary/auto]\nfields:\n  match.id: {type: string, identity: {namespace: Email, primary: true}}\n";
    let (_, catalogue) = compiled(&[("schemas/enriched.yaml", own)]).unwrap();
    let schema = &catalogue.schemas[&"enriched".parse().unwrap()];
    let field = schema.field(&"partner.demographics.ageBand".parse().unwrap()).unwrap();
    assert!(field.labels.contains(&"Third-Party".into()) && !field.allowed.is_empty());
    assert!(schema.field(&"match.id".parse().unwrap()).unwrap().labels.is_empty());

    let told = |text: &str| compiled(&[("schemas/enriched.yaml", text)]).err().unwrap().to_string();
    assert_eq!(
        told(&own.replace("tributary/auto", "tributary/autos")),
        "schemas/enriched.yaml:2:40: there is no field group `tributary/autos`; did you mean `tributary/auto`?"
    );
    let again = told(&own.replace("auto]", "auto, tributary/auto]"));
    assert_eq!(again, "schemas/enriched.yaml:2:56: field group `tributary/auto` is named a second time");
    let twice = told(&format!("{own}  partner.auto.inMarket: {{type: boolean}}\n"));
    assert!(
        twice.starts_with(
            "schemas/enriched.yaml:5:3: field `partner.auto.inMarket` comes with a field group already"
        ),
        "{twice}"
    );
}

#[test]
fn all_groups_fit_into_one_schema() {
    let groups: Vec<_> = field_groups().collect();
    let text = format!(
        "class: profile\nfield_groups: [{}]\nfields:\n  match.id: {{type: string, identity: {{namespace: Email, primary: true}}}}\n",
        groups.join(", ")
    );
    compiled(&[("schemas/enriched.yaml", &text)]).unwrap();
}
