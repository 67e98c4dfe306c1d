//! What the fuzz targets assert, over seeds: so it is compiled, and holds, wherever the tests run.

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

#[test]
fn lines_of_graphs_are_linked_and_halves_of_them_refused() {
    for line in [
        r#"{"events": []}"#,
        r#"{"config": {"unique": ["CRMID"], "priority": ["CRMID", "Email", "ECID"]}, "events": [
            {"t": 1, "ids": {"CRMID": ["1"], "Email": ["s"], "ECID": ["111"]}},
            {"t": 3, "ids": {"CRMID": ["2"], "Email": ["s"]}}, {"t": 3, "ids": {"ECID": ["111", "222"]}},
            {"t": 9, "ids": {"Phone": ["alone"]}}]}"#,
        r#"{"config": {"types": {"Vendor": "partner_id"}}, "events": [{"t": -1, "ids": {"Vendor": ["v"], "CRMID": ["1"]}}]}"#,
    ] {
        assert!(fuzz::graph(line.as_bytes()), "{line}");
        assert!(!fuzz::graph(&line.as_bytes()[..line.len() / 2]), "{line}");
    }
}

#[test]
fn requests_are_evaluated_and_halves_of_them_refused() {
    let policy = r#"{"id": "p", "name": "", "status": "ENABLED", "marketingActionRefs": ["/marketingActions/custom/a"],
        "deny": {"operator": "AND", "operands": [{"label": "C3"}, {"operator": "OR", "operands": [{"label": "I1"}, {"label": "I2"}]}]}}"#;
    for (labels, action) in [
        ("[]", "custom/a"),
        (r#"["C3"]"#, "custom/a"),
        (r#"["C3", "I2"]"#, "custom/a"),
        (r#"["C3", "I2"]"#, "custom/b"),
    ] {
        let line = format!(
            r#"{{"policies": [{policy}], "labels": {labels}, "action": "/marketingActions/{action}"}}"#
        );
        assert!(fuzz::policy(line.as_bytes()), "{line}");
        assert!(!fuzz::policy(&line.as_bytes()[..line.len() / 2]), "{line}");
    }
}
