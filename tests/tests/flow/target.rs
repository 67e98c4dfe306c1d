//! A dataflow to Adobe Target: an id in clear, mapped attributes, and exits that are said in words.

use tests::target_api::{Parameters, Settings, TargetApi};

use crate::bank::{BOBBYS_ANSWER, Bank, answer, answer_of};

const DATAFLOW: &str = "prospects_to_target";

fn says(values: [(&str, &str); 2]) -> Option<Parameters> {
    Some(values.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
}

#[tokio::test]
async fn members_and_those_who_left_both_stand_at_target_in_words() {
    let bank = Bank::open().await;
    let target = TargetApi::start(Settings::default()).unwrap();
    let project = bank.flow.local.project.path();
    let destination = format!(
        "plugin: adobe-target\nmarketing_actions: [Cross Site Targeting]\nconfig:\n  client_code: northshop\n  \
         parameters: [tier]\n  audience_parameter: prospect\n  require_authentication: false\n  base_url: {}\n",
        target.base_url()
    );
    std::fs::write(project.join("destinations/target.yaml"), destination).unwrap();
    let dataflow = "audience: high_earning_homeowner_prospects\ndestination: target\n\
         mapping:\n  thirdPartyId: {identity: CRMID}\n  tier: {field: tier}\n";
    std::fs::write(project.join(format!("dataflows/{DATAFLOW}.yaml")), dataflow).unwrap();
    bank.flow.local.apply().await;

    for (day, worth, expected) in [
        ("2026-02-01", "over_1m", [("prospect", "true"), ("tier", "plus")]),
        ("2026-02-02", "under_100k", [("prospect", "false"), ("tier", "none")]),
    ] {
        let row = BOBBYS_ANSWER.replace("over_1m", worth);
        bank.flow.bring(&answer_of(day), &answer(&[&row])).await;
        bank.flow.evaluate().await;
        bank.flow.wake(DATAFLOW).await;
        assert_eq!(target.profile("C-1"), says(expected), "{worth}");
    }
    assert_eq!(target.ids(), ["C-1"], "and nobody else is told of");
}
