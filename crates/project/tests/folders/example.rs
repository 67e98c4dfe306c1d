//! The example project is the bank of the story: it loads without a warning, and what it compiles to is as told.

use std::fs;

use domain::catalogue::Catalogue;
use domain::dataflow::State;
use domain::governance::cure;
use jiff::civil::{Date, date};
use project::{Compiled, Project};

use crate::support::{Kit, changed, example, replace, without_northlight};

pub const TODAY: Date = date(2026, 11, 22);

fn compiled(folder: &std::path::Path, previous: Option<&Catalogue>) -> Compiled {
    Project::load(folder, &Kit).unwrap().compile(previous, TODAY).unwrap()
}

fn states(catalogue: &Catalogue) -> Vec<(&str, &'static str)> {
    let word = |state: &State| match state {
        State::Active => "active",
        State::Paused => "paused",
        State::Blocked(_) => "blocked",
        State::Retiring => "retiring",
    };
    catalogue.dataflows.values().map(|dataflow| (dataflow.name.as_str(), word(&dataflow.state))).collect()
}

#[test]
fn the_bank_loads_without_warnings_and_one_dataflow_is_refused() {
    let project = Project::load(&example(), &Kit).unwrap();
    assert_eq!(project.warnings(), []);
    let compiled = project.compile(None, TODAY).unwrap();
    assert_eq!(
        states(&compiled.catalogue),
        [
            ("prospects_to_email", "blocked"),
            ("prospects_to_facebook", "active"),
            ("prospects_to_file", "active"),
            ("seed_to_northlight", "active"),
        ]
    );
}

#[test]
fn a_core_policy_counts_once_the_project_enables_it() {
    let blocked = |enabled: &str| {
        let folder = changed(|folder| {
            fs::remove_file(folder.join("policies/third_party_export_restriction.yaml")).unwrap();
            replace(folder, "schemas/partner_enrichment.yaml", "[Third-Party]", "[Third-Party, C2]");
            replace(folder, "project.yaml", "title:", &format!("{enabled}\ntitle:"));
        });
        let catalogue = compiled(folder.path(), None).catalogue;
        states(&catalogue).into_iter().filter(|(_, state)| *state == "blocked").count()
    };
    assert_eq!(blocked(""), 1, "core policies ship disabled");
    assert_eq!(blocked("core_policies: [restrict_third_party_export]"), 3);
}

#[test]
fn where_labels_restrict_nothing_the_core_policy_that_would_is_named() {
    let folder = changed(|folder| {
        fs::remove_dir_all(folder.join("policies")).unwrap();
        replace(folder, "schemas/partner_enrichment.yaml", "[Third-Party]", "[Third-Party, C2]");
    });
    let project = Project::load(folder.path(), &Kit).unwrap();
    let told: Vec<String> = project.warnings().iter().map(ToString::to_string).collect();
    let named = told.iter().filter(|each| each.contains("enable core policy `restrict_third_party_export`"));
    assert_eq!((named.count(), told.len()), (3, 4), "{told:?}");
}

#[test]
fn the_refusal_says_exactly_why_and_what_would_cure_it() {
    let catalogue = compiled(&example(), None).catalogue;
    let refused = catalogue.dataflows.values().find_map(|dataflow| match &dataflow.state {
        State::Blocked(refusals) => Some(refusals),
        _ => None,
    });
    let refused = refused.unwrap();
    let mut told: Vec<String> =
        refused.iter().map(|refusal| refusal.to_string().replace("; ", "\n  ")).collect();
    let found = cure::cures(&catalogue, &refused[0].activation, TODAY);
    told.extend(found.cures.iter().map(|cure| {
        let changes: Vec<String> = cure.iter().map(ToString::to_string).collect();
        format!("cure: {}", changes.join("\n  and "))
    }));
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn the_seed_carries_no_partner_data() {
    let catalogue = compiled(&example(), None).catalogue;
    let seed = catalogue.dataflows.values().find(|dataflow| dataflow.name.as_str() == "seed_to_northlight");
    let ways: Vec<String> = domain::governance::lineage(&catalogue, seed.unwrap())
        .iter()
        .map(|way| format!("{} {}", way.dataset, way.field))
        .collect();
    assert_eq!(ways, ["crm_customers crmId", "crm_customers personalEmail.address"]);
}

#[test]
fn equal_projects_have_equal_bytes_that_read_back() {
    let compiled = compiled(&example(), None);
    assert_eq!(compiled.bytes, self::compiled(&example(), None).bytes);
    assert_eq!(compiled.hash, domain::catalogue::CatalogueHash::of(&compiled.bytes));
    assert_eq!(serde_json::from_slice::<Catalogue>(&compiled.bytes).unwrap(), compiled.catalogue);
    assert_eq!(compiled.catalogue, self::compiled(&example(), Some(&compiled.catalogue)).catalogue);
}

#[test]
fn a_contract_that_has_ended_blocks_all_that_reads_its_data() {
    let project = Project::load(&example(), &Kit).unwrap();
    let catalogue = project.compile(None, date(2028, 1, 1)).unwrap().catalogue;
    let active: Vec<_> = states(&catalogue).into_iter().filter(|(_, state)| *state == "active").collect();
    assert_eq!(active, [("seed_to_northlight", "active")]);
}

#[test]
fn what_is_taken_out_is_retired_with_what_it_needs() {
    let before = compiled(&example(), None).catalogue;
    let without = changed(|folder| {
        for gone in ["dataflows/prospects_to_facebook", "destinations/facebook"] {
            std::fs::remove_file(folder.join(format!("{gone}.yaml"))).unwrap();
        }
        for gone in ["dataflows/seed_to_northlight", "audiences/all_customers"] {
            std::fs::remove_file(folder.join(format!("{gone}.yaml"))).unwrap();
        }
    });
    let after = compiled(without.path(), Some(&before)).catalogue;
    assert_eq!(states(&after)[1], ("prospects_to_facebook", "retiring"));
    assert_eq!(states(&after)[3], ("seed_to_northlight", "retiring"));
    let facebook = "facebook".parse().unwrap();
    assert_eq!(after.destinations.get(&facebook), before.destinations.get(&facebook));
    let seed = after.audiences.get(&"all_customers".parse().unwrap()).unwrap();
    assert_eq!((seed.expression.as_str(), seed.reads.len()), ("false", 0));
    let none = domain::schema::Fields::new();
    let schemas = pql::Schemas { profile: &none, events: &none };
    pql::parse(&seed.expression).unwrap().check(&schemas).unwrap();
    assert_eq!(
        after,
        compiled(without.path(), Some(&after)).catalogue,
        "it stays until nothing sent is left"
    );
}

#[test]
fn a_paused_dataflow_stays_paused() {
    let folder = changed(|folder| {
        replace(folder, "dataflows/prospects_to_email.yaml", "mapping:", "paused: true\nmapping:");
    });
    assert_eq!(states(&compiled(folder.path(), None).catalogue)[0], ("prospects_to_email", "paused"));
}

#[test]
fn what_a_command_has_ended_is_not_brought_back_by_a_project_that_does_not_say_so() {
    let partner = "northlight".parse().unwrap();
    let mut ended = compiled(&example(), None).catalogue;
    let before = ended.clone();
    ended.offboard(&partner, TODAY);
    let ended = Compiled::of(ended, TODAY.tomorrow().unwrap()).catalogue;
    assert_eq!(
        states(&ended).iter().filter(|(_, state)| *state == "active").count(),
        1,
        "all others use its data"
    );

    let compile =
        |folder: &std::path::Path| Project::load(folder, &Kit).unwrap().compile(Some(&ended), TODAY);
    let refused = compile(&example()).unwrap_err().to_string();
    assert!(refused.contains("dataset `northlight_enrichment` was ended"), "{refused}");
    assert!(refused.contains("partner `northlight` was offboarded"), "{refused}");
    let folder = changed(|folder| {
        replace(folder, "datasets/northlight_enrichment.yaml", "2027-12-31", &TODAY.to_string());
        replace(folder, "partners/northlight.yaml", "2027-12-31", &TODAY.to_string());
    });
    let said = compile(folder.path()).unwrap().catalogue;
    let retention =
        |catalogue: &Catalogue| catalogue.datasets[&"northlight_enrichment".parse().unwrap()].retention;
    assert_eq!((retention(&said).until, retention(&said).ordered), (Some(TODAY), false));

    // Nor by one that did not know its datasets for a while.
    let mut away = ended.clone();
    for left in 0..2 {
        let project = Project::load(without_northlight().path(), &Kit).unwrap();
        away = project.compile(Some(&away), TODAY).unwrap().catalogue;
        let back = Project::load(&example(), &Kit).unwrap().compile(Some(&away), TODAY);
        assert_eq!(back.unwrap_err().to_string(), refused, "after {left} applies more");
    }
    let back = Project::load(folder.path(), &Kit).unwrap().compile(Some(&away), TODAY).unwrap().catalogue;
    assert!(back.former.is_empty(), "what is back has not left");

    // What ends earlier anyway is left as it is.
    let mut later = before.clone();
    later.offboard(&partner, jiff::civil::date(2028, 1, 1));
    assert_eq!(later, before);
}

#[test]
fn browsers_and_devices_are_pseudonymous_where_a_project_asks_for_it_and_names_nothing_else() {
    for (said, expected) in [
        ("", None),
        ("retention: {}", None),
        ("retention: {pseudonymous: {days: 14, namespaces: [GAID]}}", Some((14, vec!["GAID"]))),
        (
            "retention: {pseudonymous: {days: 14}}",
            Some((14, vec!["AAID", "APNS", "AdCloud", "ECID", "FCM", "GAID", "IDFA", "TNTID", "WAID"])),
        ),
    ] {
        let folder = changed(|folder| replace(folder, "project.yaml", "title:", &format!("{said}\ntitle:")));
        let rule = compiled(folder.path(), None).catalogue.pseudonymous;
        let found = rule
            .as_ref()
            .map(|rule| (rule.days, rule.namespaces.iter().map(|code| code.as_str()).collect::<Vec<_>>()));
        assert_eq!(found, expected, "{said}");
    }
}

#[test]
fn what_was_applied_does_not_change_its_kind() {
    let before = compiled(&example(), None).catalogue;
    let folder = changed(|folder| {
        replace(folder, "namespaces.yaml", "cross_device", "device");
        replace(folder, "namespaces.yaml", "code: Email", "code: Email\n    hashed: true");
        replace(folder, "destinations/northlight_seed.yaml", "s3-file", "facebook");
        replace(folder, "dataflows/prospects_to_file.yaml", "agency_file", "newsletter_file");
    });
    let problems =
        Project::load(folder.path(), &crate::support::Lenient).unwrap().compile(Some(&before), TODAY);
    insta::assert_snapshot!(problems.unwrap_err());
}

#[test]
fn a_dataflow_asks_for_the_consents_that_its_use_meets() {
    const CONSENT: &str = "status: ENABLED\nif: {operator: AND, operands: [{marketing_action: Cross Site Targeting}, {label: I1}]}\nthen: {field: tier, values: [plus, private]}\n";
    let folder = changed(|folder| {
        fs::write(folder.join("policies/tier_consent.yaml"), CONSENT).unwrap();
    });
    let catalogue = compiled(folder.path(), None).catalogue;
    let asking: Vec<_> =
        catalogue.dataflows.values().filter(|dataflow| !dataflow.consents.is_empty()).collect();
    let names: Vec<&str> = asking.iter().map(|dataflow| dataflow.name.as_str()).collect();
    assert_eq!(names, ["prospects_to_facebook", "prospects_to_file"]);
    assert_eq!(asking[0].consents[0].consent.field.as_str(), "tier");
    assert_eq!(states(&catalogue)[1], ("prospects_to_facebook", "active"), "it filters, and blocks nothing");
}
