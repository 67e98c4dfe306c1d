//! Projects that are broken in every way that is checked, each with exactly what is said of it.

use std::fs;

use project::{Problems, Project};
use serde_json::json;

use crate::support::{Kit, changed, replace};

/// A file, a text in it, and what stands there instead. Without a text the whole file is written anew.
type Change = (&'static str, &'static str, &'static str);

fn problems(changes: &[Change]) -> Result<Project, Problems> {
    let folder = changed(|folder| {
        for (file, old, new) in changes {
            if old.is_empty() {
                fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
                fs::write(folder.join(file), new).unwrap();
            } else {
                replace(folder, file, old, new);
            }
        }
    });
    Project::load(folder.path(), &Kit)
}

fn check(name: &str, cases: &[(&str, &[Change])]) {
    let told: Vec<String> = cases
        .iter()
        .map(|(case, changes)| match problems(changes) {
            Ok(_) => panic!("{case}: nothing was found"),
            Err(problems) => format!("# {case}\n{problems}\n"),
        })
        .collect();
    insta::assert_snapshot!(name, told.join("\n"));
}

const DATASET: &str = "datasets/crm_customers.yaml";
const SCHEMA: &str = "schemas/customer.yaml";
const AUDIENCE: &str = "audiences/high_earning_homeowner_prospects.yaml";

#[test]
fn the_folder_and_its_files() {
    check(
        "files",
        &[
            ("an empty file", &[(DATASET, "", "")]),
            ("no YAML", &[(DATASET, "", "title: [a\nschema: b\n")]),
            ("a key twice", &[(DATASET, "schema: customer", "schema: customer\nschema: customer")]),
            ("a tab", &[(DATASET, "  format", "\tformat")]),
            ("two documents", &[(DATASET, "write_mode", "---\nwrite_mode")]),
            (
                "files that have no place",
                &[
                    ("dataset/a.yaml", "", "a: 1"),
                    ("datasets/a.yml", "", "a: 1"),
                    ("docker-compose.yml", "", "a: 1"),
                    ("datasets/old/a.yaml", "", "a: 1"),
                    ("namespace.yaml", "", "a: 1"),
                    ("edge/a.yaml", "", "a: 1"),
                ],
            ),
            ("a name that is none", &[("datasets/my data.yaml", "", "a: 1")]),
        ],
    );
}

#[test]
fn the_shape_of_a_file() {
    check(
        "shape",
        &[
            (
                "several faults of one file are found in one go",
                &[
                    (DATASET, "title:", "titel:"),
                    (DATASET, "format: csv", "format: cvs"),
                    (DATASET, "write_mode: replace", "write_mode: [replace]"),
                    (DATASET, "error_threshold: 5", "error_threshold: five"),
                    (DATASET, "crm_id: crmId", "crm_id: 7"),
                    (DATASET, "email: personalEmail.address", "email: personal-email"),
                ],
            ),
            ("a missing key", &[(DATASET, "schema: customer\n", "")]),
            ("a key with nothing", &[(DATASET, "schema: customer", "schema:")]),
            ("a list for a map", &[("partners/northlight.yaml", "", "- a\n- b\n")]),
            ("a number for a text", &[("project.yaml", "title: SecurFinancial", "title: 42")]),
            ("no day", &[("partners/northlight.yaml", "2027-12-31", "31.12.2027")]),
            ("no share", &[(DATASET, "error_threshold: 5", "error_threshold: 101")]),
            ("no days", &[("datasets/northlight_enrichment.yaml", "days: 180", "days: 0")]),
        ],
    );
}

#[test]
fn namespaces_partners_and_words() {
    check(
        "words",
        &[
            ("a namespace twice", &[("namespaces.yaml", "- code: ECID", "- code: ECID\n  - code: Email")]),
            (
                "another type for a standard namespace",
                &[("namespaces.yaml", "code: Email", "code: Email\n    type: phone")],
            ),
            ("a namespace without a type", &[("namespaces.yaml", "code: ECID", "code: Ecid")]),
            ("an unknown type", &[("namespaces.yaml", "partner_id", "partner")]),
            (
                "a partner whose IDs would link people",
                &[("partners/northlight.yaml", "NorthlightID", "CRMID")],
            ),
            (
                "an action that no one knows",
                &[
                    ("partners/northlight.yaml", "- Analytics", "- Analytic"),
                    ("policies/third_party_export_restriction.yaml", "[Export to Third Party]", "[Export]"),
                    ("destinations/facebook.yaml", "- Cross Site Targeting", "- cross site targeting"),
                ],
            ),
            (
                "labels that no one knows",
                &[
                    (SCHEMA, "labels: [I2]", "labels: [i2]"),
                    ("policies/clear_identifiers_stay.yaml", "label: I1", "label: I3"),
                    ("schemas/partner_enrichment.yaml", "labels: [Third-Party]", "labels: [ThirdParty]"),
                ],
            ),
            (
                "core words as one's own",
                &[
                    ("project.yaml", "  Wealth: ", "  C2: may go\n  Wealth: "),
                    ("marketing-actions.yaml", "Export Clear", "Analytics: may be\nExport Clear"),
                ],
            ),
            (
                "policies that deny nothing",
                &[
                    ("policies/third_party_export_restriction.yaml", "[Export to Third Party]", "[]"),
                    (
                        "policies/no_wealth_with_identity.yaml",
                        "    - label: Wealth\n    - label: I1\n",
                        "    []",
                    ),
                    ("policies/clear_identifiers_stay.yaml", "label: I1", "labels: I1"),
                    ("policies/partner_data_no_personalisation.yaml", "ENABLED", "enabled"),
                ],
            ),
            (
                "merge policies",
                &[
                    ("merge-policies.yaml", "  default: true\n", ""),
                    ("merge-policies.yaml", "[crm_customers,", "[crm_customer,"),
                ],
            ),
            ("two defaults", &[("merge-policies.yaml", "bank_first:\n", "bank_first:\n  default: true\n")]),
            (
                "two that are active on edge",
                &[
                    ("merge-policies.yaml", "newest:\n", "newest:\n  active_on_edge: true\n"),
                    ("merge-policies.yaml", "bank_first:\n", "bank_first:\n  active_on_edge: true\n"),
                ],
            ),
            (
                "no identity graph that there is",
                &[("merge-policies.yaml", "newest:\n", "newest:\n  identity_graph: public\n")],
            ),
        ],
    );
}

#[test]
fn schemas_and_datasets() {
    check(
        "datasets",
        &[
            ("no primary identity", &[(SCHEMA, ", primary: true", "")]),
            (
                "two primary identities",
                &[(SCHEMA, "{namespace: Email}", "{namespace: Email, primary: true}")],
            ),
            (
                "an identity of an unknown namespace",
                &[(SCHEMA, "namespace: Phone_E.164", "namespace: Phone_E164")],
            ),
            (
                "a partner ID as the primary identity",
                &[
                    ("schemas/partner_enrichment.yaml", "Email, primary: true", "Email"),
                    ("schemas/partner_enrichment.yaml", "NorthlightID}", "NorthlightID, primary: true}"),
                ],
            ),
            (
                "prospects of an e-mail address",
                &[(DATASET, "on_unmatched: create", "on_unmatched: prospect")],
            ),
            (
                "prospects without a day",
                &[(DATASET, "write_mode", "retention: {prospect_days: 0}\nwrite_mode")],
            ),
            (
                "pseudonymous profiles without a day",
                &[("project.yaml", "title:", "retention: {pseudonymous: {days: 0}}\ntitle:")],
            ),
            (
                "pseudonymous profiles that nobody is to be",
                &[(
                    "project.yaml",
                    "title:",
                    "retention: {pseudonymous: {days: 4000, namespaces: []}}\ntitle:",
                )],
            ),
            (
                "pseudonymous profiles that are kept for nobody knows how long",
                &[("project.yaml", "title:", "retention: {pseudonymous: {}}\ntitle:")],
            ),
            (
                "namespaces that make no profile pseudonymous",
                &[(
                    "project.yaml",
                    "title:",
                    "retention:\n  pseudonymous: {days: 9, namespaces: [ECDI, Email, Phone_E.164, NorthlightID, CRMID, \
                     ECID]}\ntitle:",
                )],
            ),
            (
                "customers made of a partner's IDs",
                &[
                    (
                        "schemas/partner_enrichment.yaml",
                        "    identity: {namespace: Email, primary: true}\n",
                        "",
                    ),
                    ("schemas/partner_enrichment.yaml", "NorthlightID}", "NorthlightID, primary: true}"),
                    ("datasets/northlight_enrichment.yaml", "set_aside #", "create #"),
                ],
            ),
            (
                "fields that make no sense",
                &[
                    (SCHEMA, "enum: [basic, plus, private]", "enum: [basic, 2]\n    maximum: 3"),
                    (SCHEMA, "type: double", "type: double\n    minimum: 2\n    maximum: 1"),
                    (SCHEMA, "type: boolean", "type: boolean\n    identity: {namespace: Email}"),
                    (SCHEMA, "type: date", "type: day"),
                    (SCHEMA, "title: Last name", "title: Last name\n    minimum: 1"),
                ],
            ),
            (
                "a field within a field, and an object by itself",
                &[
                    (SCHEMA, "  tier:\n", "  tier.name: {type: string}\n  tier:\n"),
                    (
                        SCHEMA,
                        "  accountOpened:",
                        "  a: {type: object, fields: {b: {type: string}}}\n  accountOpened:",
                    ),
                ],
            ),
            (
                "one field of two types",
                &[(
                    "schemas/partner_enrichment.yaml",
                    "  partner.hiking: {type: string",
                    "  tier: {type: integer",
                )],
            ),
            (
                "columns that fill nothing",
                &[
                    (DATASET, "tier: tier", "tier: teir"),
                    (DATASET, "phone: mobilePhone.number", "phone: mobilePhone"),
                    (DATASET, "first_name: person.name.firstName", "first_name: person.name.lastName"),
                ],
            ),
            ("no column for the primary identity", &[(DATASET, "    crm_id: crmId\n", "")]),
            (
                "a column that is mapped and ignored",
                &[(DATASET, "write_mode", "  ignored_columns: [tier]\nwrite_mode")],
            ),
            (
                "names of nothing",
                &[
                    (DATASET, "schema: customer", "schema: custmer"),
                    ("datasets/northlight_enrichment.yaml", "partner: northlight", "partner: acxiom"),
                ],
            ),
            (
                "IDs of another partner",
                &[
                    (
                        "namespaces.yaml",
                        "- code: ECID",
                        "- code: ECID\n  - {code: OtherID, type: partner_id}",
                    ),
                    ("partners/northlight.yaml", "NorthlightID", "OtherID"),
                ],
            ),
            (
                "prefixes within each other",
                &[("datasets/northlight_enrichment.yaml", "partners/northlight/", "crm/northlight/")],
            ),
            ("one prefix twice", &[("datasets/northlight_enrichment.yaml", "partners/northlight/", "crm/")]),
            ("a prefix that is no folder", &[(DATASET, "prefix: crm/", "prefix: /crm")]),
            (
                "patterns without a day",
                &[
                    ("datasets/northlight_enrichment.yaml", "%Y-%m-%d", "%Y-%m"),
                    (DATASET, "row_time: updated_at", "file_time: crm-%Q.csv"),
                ],
            ),
        ],
    );
}

#[test]
fn audiences_destinations_and_dataflows() {
    const FLOW: &str = "dataflows/prospects_to_file.yaml";
    check(
        "activation",
        &[
            ("no expression", &[(AUDIENCE, "hasFinancialAdvisor = false", "hasFinancialAdvisor =")]),
            (
                "fields and types that do not fit, with their own lines",
                &[
                    (AUDIENCE, "partner.recentMortgageLikelihood", "partner.recentMortgageLiklihood"),
                    (AUDIENCE, "hasFinancialAdvisor = false", "hasFinancialAdvisor = 1"),
                ],
            ),
            (
                "a merge policy of no dataset",
                &[("merge-policies.yaml", "[crm_customers, northlight_enrichment]", "[]")],
            ),
            (
                "a merge policy that names a dataset twice",
                &[("merge-policies.yaml", "[crm_customers,", "[crm_customers, crm_customers,")],
            ),
            ("an unknown merge policy", &[(AUDIENCE, "merge_policy: newest", "merge_policy: newset")]),
            (
                "an edge audience by a merge policy that is not active there",
                &[
                    (AUDIENCE, "evaluation: batch", "evaluation: edge"),
                    ("merge-policies.yaml", "bank_first:\n", "bank_first:\n  active_on_edge: true\n"),
                ],
            ),
            (
                "an edge audience without the identity graph",
                &[
                    (AUDIENCE, "evaluation: batch", "evaluation: edge"),
                    ("merge-policies.yaml", "newest:\n", "newest:\n  identity_graph: none\n"),
                ],
            ),
            (
                "a namespace of hashes where the vendor takes hashes of another form",
                &[
                    ("namespaces.yaml", "code: Phone_E.164", "code: Phone_E.164\n    hashed: true"),
                    ("namespaces.yaml", "code: Email", "code: Email\n    hashed: true"),
                    (
                        "dataflows/prospects_to_facebook.yaml",
                        "  EMAIL:",
                        "  PHONE: {identity: Phone_E.164}\n  EMAIL:",
                    ),
                ],
            ),
            (
                "prospects by a merge policy of their own",
                &[(AUDIENCE, "merge_policy: newest", "merge_policy: bank_first\nof: prospects")],
            ),
            (
                "an unknown audience",
                &[("audiences/all_customers.yaml", "crmId.isNotNull()", "inSegment(\"all_customer\")")],
            ),
            (
                "an audience of prospects among those of customers",
                &[
                    (AUDIENCE, "evaluation: batch", "of: prospects\nevaluation: edge"),
                    (
                        "audiences/all_customers.yaml",
                        "crmId",
                        "inSegment(\"high_earning_homeowner_prospects\") and crmId",
                    ),
                ],
            ),
            (
                "a circle",
                &[
                    (
                        "audiences/all_customers.yaml",
                        "crmId.isNotNull()",
                        "inSegment(\"a\") and crmId.isNotNull()",
                    ),
                    ("audiences/a.yaml", "", "expression: inSegment(\"b\")\n"),
                    ("audiences/b.yaml", "", "expression: not inSegment(\"all_customers\")\n"),
                ],
            ),
            (
                "destinations",
                &[
                    ("destinations/facebook.yaml", "plugin: facebook", "plugin: fakebook"),
                    ("destinations/facebook.yaml", "secret: facebook", "secret: EAAB=token!"),
                    ("destinations/agency_file.yaml", "prefix: agency/prospects", "prefix: true"),
                    ("destinations/newsletter_file.yaml", "[Email Targeting, Onsite Personalization]", "[]"),
                    (
                        "destinations/northlight_seed.yaml",
                        "config:\n  prefix: seeds/northlight\n  columns:\n    - {name: email_sha256, transform: sha256}\n",
                        "",
                    ),
                ],
            ),
            (
                "a dataflow of unknown things",
                &[
                    (FLOW, "high_earning_homeowner_prospects", "high_earning_prospects"),
                    (FLOW, "agency_file", "agency_fil"),
                    (FLOW, "{identity: NorthlightID}", "{identity: Northlight}"),
                    (FLOW, "{identity: Email}", "{field: personalEmail.adress}"),
                ],
            ),
            (
                "mappings that cannot work",
                &[
                    ("dataflows/prospects_to_facebook.yaml", "EMAIL:", "EMIAL:"),
                    ("dataflows/seed_to_northlight.yaml", "{identity: Email}", "{field: person.name}"),
                    (FLOW, "{identity: NorthlightID}", "{identity: Email, field: crmId}"),
                    ("dataflows/prospects_to_email.yaml", "{field: person.name.firstName}", "crmId"),
                ],
            ),
            (
                "two dataflows where the vendor takes one alone",
                &[
                    (
                        "destinations/other.yaml",
                        "",
                        "plugin: facebook\nmarketing_actions: [Cross Site Targeting]\nconfig: {ad_account: act_1234567890}\n",
                    ),
                    (
                        "dataflows/all_to_other.yaml",
                        "",
                        "audience: all_customers\ndestination: other\nmapping:\n  PHONE: {identity: Phone_E.164}\n",
                    ),
                ],
            ),
            (
                "nothing mapped",
                &[(
                    "dataflows/seed_to_northlight.yaml",
                    "mapping:\n  email_sha256: {identity: Email}",
                    "mapping: {}",
                )],
            ),
            (
                "what is broken is told once, and not again by what depends on it",
                &[("project.yaml", "title:", "titel:"), (SCHEMA, "class: profile", "class: person")],
            ),
        ],
    );
}

#[test]
fn a_folder_without_a_project() {
    let folder = changed(|folder| fs::remove_file(folder.join("project.yaml")).unwrap());
    let told = Project::load(folder.path(), &Kit).err().unwrap().to_string();
    assert_eq!(told, "project.yaml:1:1: this file is missing; create it with at least `title: ...`");
}

#[test]
fn audiences_may_refer_to_each_other_so_often_in_a_row_and_no_more() {
    let told = |count: usize| {
        let folder = changed(|folder| {
            for number in 1..=count {
                let expression = match number {
                    1 => "crmId.isNotNull()".to_owned(),
                    _ => format!("inSegment(\"a{}\")", number - 1),
                };
                let file = folder.join(format!("audiences/a{number}.yaml"));
                fs::write(file, format!("expression: {expression}\n")).unwrap();
            }
        });
        Project::load(folder.path(), &Kit).err().map(|problems| problems.to_string())
    };
    assert_eq!(told(32), None);
    let told = told(40).unwrap();
    assert!(told.starts_with("audiences/a33.yaml:1:13: 33 audiences refer to each other in a row"), "{told}");
    assert_eq!(told.lines().count(), 1, "of those beyond nothing is said: {told}");
}

#[cfg(unix)]
#[test]
fn links_to_folders_are_not_followed() {
    let folder = changed(|folder| std::os::unix::fs::symlink(".", folder.join("again")).unwrap());
    let told = Project::load(folder.path(), &Kit).err().unwrap().to_string();
    assert!(told.starts_with("again:1:1: this is a link to another folder"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn core_policies() {
    const EXPORT: &str = "description: Nothing leaves\nstatus: ENABLED\nmarketing_actions: [Export to Third Party]\ndeny: {label: C2}\n";
    check(
        "core_policies",
        &[
            (
                "one that there is not",
                &[("project.yaml", "title:", "core_policies: [restrict_data_sience, C2]\ntitle:")],
            ),
            ("its name for one of the project's own", &[("policies/restrict_data_export.yaml", "", EXPORT)]),
        ],
    );
}

#[test]
fn consent_policies() {
    const POLICY: &str = "policies/consent.yaml";
    const HEAD: &str = "status: ENABLED\n";
    const MAIL: &str = "if: {marketing_action: Email Targeting}\n";
    let text = |rest: &str| -> &'static str { Box::leak(format!("{HEAD}{rest}").into_boxed_str()) };
    let then = |then: &str| text(&format!("{MAIL}then: {then}\n"));
    let condition =
        |condition: &str| text(&format!("if: {condition}\nthen: {{field: tier, values: [plus]}}\n"));
    check(
        "consent_policies",
        &[
            ("no consequence", &[(POLICY, "", text(MAIL))]),
            ("no condition", &[(POLICY, "", text("then: {field: tier, values: [plus]}\n"))]),
            (
                "both kinds at once",
                &[(
                    POLICY,
                    "",
                    text(&format!("{MAIL}then: {{field: tier, values: [plus]}}\ndeny: {{label: I1}}\n")),
                )],
            ),
            ("a field that no schema has", &[(POLICY, "", then("{field: teir, values: [plus]}"))]),
            (
                "a field that is no single value",
                &[(POLICY, "", then("{field: person.name, values: [plus]}"))],
            ),
            ("a value that the field never has", &[(POLICY, "", then("{field: tier, values: [gold, 1]}"))]),
            ("no values", &[(POLICY, "", then("{field: tier, values: []}"))]),
            (
                "unknown words",
                &[(
                    POLICY,
                    "",
                    condition("{operator: OR, operands: [{label: i1}, {marketing_action: Mail}]}"),
                )],
            ),
            (
                "a condition of no form",
                &[(POLICY, "", condition("{label: I1, marketing_action: Email Targeting}"))],
            ),
            ("a condition of nothing", &[(POLICY, "", condition("{operator: AND, operands: []}"))]),
        ],
    );
}

#[test]
fn policies_that_are_off_are_warned_of() {
    let project = problems(&[
        ("policies/clear_identifiers_stay.yaml", "ENABLED", "DISABLED"),
        ("policies/partner_data_no_personalisation.yaml", "ENABLED", "DRAFT"),
        ("policies/third_party_export_restriction.yaml", "ENABLED", "DISABLED"),
        ("dataflows/prospects_to_file.yaml", "{identity: NorthlightID}", "{field: accountBalance}"),
    ]);
    let warnings: Vec<String> = project.unwrap().warnings().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"));
}

#[test]
fn values_that_a_field_never_has_are_warned_of() {
    let project = problems(&[(
        AUDIENCE,
        "  and hasFinancialAdvisor",
        "  and partner.netWorthBand != \"over_2m\"\n  and hasFinancialAdvisor",
    )]);
    let warnings: Vec<String> = project.unwrap().warnings().iter().map(ToString::to_string).collect();
    let [only] = warnings.as_slice() else { panic!("{warnings:?}") };
    let place = "audiences/high_earning_homeowner_prospects.yaml:7:31: ";
    assert!(only.starts_with(place) && only.contains("is never `\"over_2m\"`: it is one of"), "{only}");
}

#[test]
fn values_where_conditions_are_expected_are_warned_of_since_they_let_in_whoever_has_them() {
    let values = (
        AUDIENCE,
        "hasFinancialAdvisor = false",
        "hasFinancialAdvisor = false and (accountBalance or \"x\")",
    );
    let warnings: Vec<String> =
        problems(&[values]).unwrap().warnings().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"));
}

#[test]
fn a_profile_is_held_against_the_schemas_as_examples_are() {
    let project = problems(&[]).unwrap();
    let check = |profile: serde_json::Value| {
        project.check_profile("p.json", &profile).map_or_else(|told| told.to_string(), |()| String::new())
    };
    let right = json!({"tier": "plus", "partner": {"recentMortgageLikelihood": 1}, "hasFinancialAdvisor": null,
        "segmentMembership": {"ups": {}}});
    assert_eq!(check(right), "");
    for (profile, expected) in [
        (json!({"partner": {"recentMortgageLikelyhood": 0.9}}), "did you mean `recentMortgageLikelihood`?"),
        (json!({"hasFinancialAdvisor": "x"}), "`hasFinancialAdvisor` is of type boolean"),
        (
            json!({"partner": {"recentMortgageLikelihood": 7}}),
            "a number between the field's limits is expected",
        ),
        (json!({"segmentMembership": []}), "expected a map of namespaces"),
    ] {
        let told = check(profile);
        assert!(told.starts_with("p.json:1:1: ") && told.contains(expected), "{told}");
    }
}

#[test]
fn a_problem_has_a_form_for_tools() {
    let problems = problems(&[(DATASET, "schema: customer", "schema: custmer")]);
    insta::assert_json_snapshot!(problems.err());
}

#[test]
fn datastreams_and_offers() {
    const SITE: &str = "edge/datastreams/site.yaml";
    const HEAD: &str = "organisation: 5F0C@AdobeOrg\norigins: [https://www.shop.example]\n";
    const TARGET: &str = "target: {client_code: shop, scopes: [hero], audiences: [second]}\n";
    const AUDIENCES: [Change; 3] = [
        (
            "audiences/first.yaml",
            "",
            "title: One\nevaluation: edge\nexpression: hasFinancialAdvisor = false\n",
        ),
        ("audiences/second.yaml", "", "title: Two\nevaluation: edge\nexpression: inSegment(\"first\")\n"),
        ("audiences/third.yaml", "", "title: Three\nevaluation: edge\nexpression: inSegment(\"second\")\n"),
    ];
    let with_site = |rest: &str| {
        let site: &'static str = format!("{HEAD}{rest}").leak();
        AUDIENCES.into_iter().chain([(SITE, "", site)]).collect::<Vec<Change>>()
    };
    let cap: &[Change] = &[(
        "edge/offers/coupon.yaml",
        "",
        "scope: hero\ncap: {times: 101, hours: 24}\nitems:\n  - default: true\n",
    )];
    let offer: &[Change] = &[(
        "edge/offers/coupon.yaml",
        "",
        "scope: hero\naudiences: {all: [first], none: [first]}\nmarketing_actions: [Analytics]\nitems:\n  - dom: {action: setHtml, selector: h1}\n",
    )];
    let token = |secret: &str, identities: &str| {
        let rule = "algorithm: HS256, issuer: https://www.shop.example, audience: shop";
        with_site(&format!(
            "server_key: shop\ntoken: {{secret: {secret}, {rule}, identities: {{{identities}}}}}\n"
        ))
    };
    let closed: &[Change] = &[(SITE, "", "organisation: 5F0C@AdobeOrg\norigins: []\n")];
    check(
        "edge",
        &[
            ("no events", &with_site("limits: {events: 0}\n")),
            ("more than can be kept", &with_site("limits: {events: 301, body_kib: 6145}\n")),
            ("audiences that the datastream's refer to", &with_site("audiences: [third]\n")),
            ("audiences that Target is told", &with_site(TARGET)),
            ("a cap above what is remembered", cap),
            ("an offer that nobody sees, that escapes policies and that shows nothing", offer),
            ("a token of a browser, and the distribution's own secret", &token("origin", "sub: ECID")),
            ("a token of nobody, and one key for two purposes", &token("shop", "")),
            ("a site that nobody may call", closed),
        ],
    );
    assert!(problems(&with_site(&format!("{TARGET}audiences: [first, second, third]\n"))).is_ok());
    assert!(problems(&with_site("limits: {events: 300, body_kib: 6144}\n")).is_ok());
}

#[test]
fn logins_and_visits_of_a_datastream_whose_events_no_dataset_holds_have_no_place() {
    const SITE: &str = "organisation: 5F0C@AdobeOrg\norigins: [https://www.shop.example]\ntoken:\n  secret: key\n  algorithm: HS256\n  issuer: shop\n  audience: site\n  identities: {email: Email}\n";
    const EVENTS: &[Change] = &[
        ("edge/datastreams/site.yaml", "", SITE),
        (
            "schemas/visit.yaml",
            "",
            "title: Visit\nclass: experience_event\nfields:\n  eventType: {type: string, title: What}\n",
        ),
        ("datasets/events.yaml", "", "title: Events\nschema: visit\nsource: {datastream: site}\n"),
    ];
    assert!(problems(EVENTS).is_ok());
    let told = problems(&EVENTS[..1]).err().unwrap().to_string();
    assert!(told.contains("no dataset holds the events of `site`"), "{told}");

    const RULE: Change = ("project.yaml", "title:", "retention: {pseudonymous: {days: 14}}\ntitle:");
    assert!(problems(&[EVENTS, &[RULE]].concat()).is_ok());
    let (site, _) = SITE.split_once("token").unwrap();
    let told = problems(&[("edge/datastreams/site.yaml", "", site), RULE]).err().unwrap().to_string();
    assert!(told.contains("would expire whether they come by or not"), "{told}");
}

#[test]
fn example_profiles() {
    const LAST: &str = "partner: {recentMortgageLikelihood: 0.4, netWorthBand: over_1m}";
    check(
        "examples",
        &[
            (
                "a profile that is not where it is expected",
                &[(AUDIENCE, "recentMortgageLikelihood: 0.4", "recentMortgageLikelihood: 0.8")],
            ),
            ("a field that no schema has", &[(AUDIENCE, LAST, "partner: {netWorth: over_1m}")]),
            ("a value that does not fit", &[(AUDIENCE, LAST, "hasFinancialAdviser: no\n      partner: [1]")]),
            (
                "one of the field's values",
                &[(AUDIENCE, LAST, "partner: {recentMortgageLikelihood: 7, netWorthBand: much}")],
            ),
            (
                "no profile",
                &[(
                    AUDIENCE,
                    "- name: advised already\n    profile:",
                    "- name: advised already\n    profil:",
                )],
            ),
            ("no expectation", &[(AUDIENCE, "    in: true", "    in: perhaps")]),
            (
                "an event that no schema describes, and none that happened",
                &[(AUDIENCE, LAST, "xEvent: [{timestamp: now, eventType: order}, {}, 1]")],
            ),
            ("memberships that are none", &[(AUDIENCE, LAST, "segmentMembership: [all_customers]")]),
            (
                "an answer that depends on the clock",
                &[(
                    "audiences/young.yaml",
                    "",
                    "expression: currentYear() > 2020\nexamples: [{profile: {}, in: true}]\n",
                )],
            ),
            (
                "an audience that another one refers to",
                &[(
                    "audiences/not_prospects.yaml",
                    "",
                    "expression: not inSegment(\"all_customers\")\nexamples:\n  - {name: known, profile: {crmId: a}, in: true}\n  - {profile: {segmentMembership: {}}, in: false}\n",
                )],
            ),
        ],
    );
}
