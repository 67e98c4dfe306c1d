//! Schemas by which records are stored: what is refused, and where.

use domain::catalogue::Catalogue;
use project::{Problems, Project};

use crate::example::TODAY;
use crate::support::{Kit, changed, example, replace, without_northlight};

fn applied() -> Catalogue {
    Project::load(&example(), &Kit).unwrap().compile(None, TODAY).unwrap().catalogue
}

fn apply(change: impl FnOnce(&std::path::Path)) -> Result<(), Problems> {
    let project = Project::load(changed(change).path(), &Kit).unwrap();
    project.compile(Some(&applied()), TODAY).map(drop)
}

#[test]
fn a_schema_that_takes_something_back_is_refused_with_the_field_its_place_and_what_to_do() {
    let refused = apply(|folder| {
        let file = "schemas/partner_enrichment.yaml";
        replace(folder, file, "  partner.sailing: {type: string, title: Sailing}\n", "");
        replace(folder, file, "hiking: {type: string", "hiking: {type: boolean");
        replace(folder, file, "[owner, renter, unknown]", "[owner, renter]");
        replace(folder, file, "    title: Home ownership", "    title: Home ownership\n    required: true");
        replace(folder, file, "    maximum: 1", "    maximum: 0.95");
    });
    insta::assert_snapshot!(refused.unwrap_err());
}

#[test]
fn a_dataset_that_takes_another_schema_is_held_against_the_one_that_its_records_are_stored_by() {
    let refused = apply(|folder| {
        let file = folder.join("schemas/partner_enrichment.yaml");
        let without = std::fs::read_to_string(&file)
            .unwrap()
            .replace("  partner.tennis: {type: string, title: Tennis}\n", "");
        std::fs::write(folder.join("schemas/enrichment.yaml"), without).unwrap();
        std::fs::remove_file(file).unwrap();
        replace(
            folder,
            "datasets/northlight_enrichment.yaml",
            "schema: partner_enrichment",
            "schema: enrichment",
        );
    });
    let told = refused.unwrap_err().to_string();
    assert!(told.starts_with("schemas/enrichment.yaml:1:1: field `partner.tennis` is gone"), "{told}");
    assert!(told.contains("stored by schema `partner_enrichment`"), "{told}");
}

#[test]
fn a_dataset_that_comes_back_is_held_against_the_schema_that_its_records_are_stored_by() {
    let load = |folder: &std::path::Path| Project::load(folder, &Kit).unwrap();
    let away = without_northlight();
    let away = load(away.path()).compile(Some(&applied()), TODAY).unwrap().catalogue;
    let back = changed(|folder| {
        replace(folder, "schemas/partner_enrichment.yaml", "hiking: {type: string", "hiking: {type: boolean");
        replace(folder, "namespaces.yaml", "code: Email", "code: Email\n    hashed: true");
    });
    let refused = load(back.path()).compile(Some(&away), TODAY).unwrap_err().to_string();
    assert!(refused.contains("`partner.hiking`"), "{refused}");
    assert!(refused.contains("whether namespace `Email` keeps only hashes"), "{refused}");
    load(&example()).compile(Some(&away), TODAY).unwrap();
}

#[test]
fn a_namespace_of_a_dataset_that_has_left_stays_as_its_identities_are_stored() {
    let away = without_northlight();
    let project = Project::load(away.path(), &Kit).unwrap();
    let away = project.compile(Some(&applied()), TODAY).unwrap().catalogue;
    let gone = without_northlight();
    let file = gone.path().join("namespaces.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, after) = text.split_once("  - code: NorthlightID").unwrap();
    let after = after.split_once("\n  - ").map_or_else(String::new, |(_, rest)| format!("  - {rest}"));
    std::fs::write(&file, format!("{before}{after}")).unwrap();
    let refused = Project::load(gone.path(), &Kit).unwrap().compile(Some(&away), TODAY).unwrap_err();
    assert!(refused.to_string().contains("namespace `NorthlightID` is gone"), "{refused}");
}

#[test]
fn a_schema_that_grows_is_applied() {
    apply(|folder| {
        let file = "schemas/partner_enrichment.yaml";
        replace(folder, file, "[owner, renter, unknown]", "[owner, renter, guest, unknown]");
        replace(folder, file, "  partner.sailing:", "  partner.surfing: {type: string}\n  partner.sailing:");
    })
    .unwrap();
}

#[test]
fn a_schema_by_which_nothing_is_stored_changes_freely() {
    let schema = |kind: &str| {
        let text = format!(
            "class: profile\nfields:\n  draft.id: {{type: string, identity: {{namespace: Email, primary: true}}}}\n  draft.value: {{type: {kind}}}\n"
        );
        Project::load(
            changed(|folder| std::fs::write(folder.join("schemas/draft.yaml"), text).unwrap()).path(),
            &Kit,
        )
        .unwrap()
    };
    let before = schema("string").compile(None, TODAY).unwrap().catalogue;
    schema("double").compile(Some(&before), TODAY).unwrap();
}
