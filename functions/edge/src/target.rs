//! Adobe Target, where it decides some of a datastream's scopes: its Delivery API is asked while the page waits.
//!
//! Target is told memberships as far as governance allows, and never whom the visitor is linked to. It has a time limit,
//! and where it is silent or has nothing for a scope the project's own offers decide.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::edge::datastream::TargetRule;
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;
use url::Url;

use crate::ecid::Ecid;
use crate::reply::{DOM_ACTION, HTML_CONTENT, JSON_CONTENT};
use crate::request::Personalization;

/// The scope that is the page as a whole. Target calls it `pageLoad`.
const PAGE: &str = "__view__";

/// The most places that Target decides in one call.
const MOST_PLACES: usize = 50;

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 1 << 20;

/// What Target decided: a proposition for each scope for which it has something.
pub type Decided = BTreeMap<String, Value>;

/// A call of the Delivery API.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Where it goes.
    pub url: Url,
    /// What it says.
    pub body: Value,
    /// How long an answer is waited for.
    pub patience: Duration,
}

/// What Target is asked about.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The visitor.
    pub ecid: &'a Ecid,
    /// What names the visitor's session, and no person.
    pub session: &'a str,
    /// The address of the page.
    pub page: &'a str,
    /// Where the visitor came from.
    pub referrer: Option<&'a str>,
    /// The audiences that Target may know of, each with whether the visitor is in it.
    pub memberships: BTreeMap<&'a str, bool>,
}

/// Why Target has decided nothing.
#[derive(Debug, thiserror::Error)]
pub enum NoDecision {
    /// It could not be asked, or did not answer in time.
    #[error("Adobe Target did not answer in time or could not be reached")]
    Silence(#[source] reqwest::Error),
    /// It answered with an error.
    #[error("Adobe Target answered with status {0}")]
    Status(u16),
    /// It answered something else than the Delivery API says.
    #[error("Adobe Target's answer is not of the Delivery API")]
    Form,
}

impl Question {
    /// The question for those scopes that an event asks for and Target decides; none, where there are none.
    pub fn of(rule: &TargetRule, asked: &Personalization, subject: &Subject<'_>) -> Option<Question> {
        let mut scopes = asked.scopes.iter().filter(|scope| rule.scopes.contains(*scope)).peekable();
        scopes.peek()?;
        // An exit is said in words: Target keeps what it is not told anew.
        let said = |(name, is_in): (&&str, &bool)| ((*name).to_owned(), is_in.to_string());
        let parameters: BTreeMap<String, String> = subject.memberships.iter().map(said).collect();
        let (pages, places): (Vec<&String>, Vec<&String>) = scopes.partition(|scope| *scope == PAGE);
        let place = |(index, name)| json!({"index": index, "name": name, "profileParameters": parameters});
        let mut execute = Map::new();
        if !pages.is_empty() {
            execute.insert("pageLoad".to_owned(), json!({"profileParameters": parameters}));
        }
        if !places.is_empty() {
            let places = places.into_iter().take(MOST_PLACES).enumerate();
            execute.insert("mboxes".to_owned(), places.map(place).collect());
        }
        let body = json!({
            "id": {"marketingCloudVisitorId": subject.ecid.as_str()},
            "property": rule.property_token.as_ref().map(|token| json!({"token": token})),
            "context": {"channel": "web", "address": {"url": subject.page, "referringUrl": subject.referrer}},
            "execute": execute,
        });
        Some(Question {
            url: address(rule, subject.session)?,
            body,
            patience: Duration::from_millis(rule.timeout_ms.into()),
        })
    }
}

fn address(rule: &TargetRule, session: &str) -> Option<Url> {
    let host = format!("https://{}.tt.omtrdc.net", rule.client_code);
    let mut url = Url::parse(rule.endpoint.as_ref().unwrap_or(&host)).ok()?;
    url.path_segments_mut().ok()?.pop_if_empty().extend(["rest", "v1", "delivery"]);
    url.query_pairs_mut().append_pair("client", &rule.client_code).append_pair("sessionId", session);
    Some(url)
}

/// Asks Target. The client is made when the first question is asked: most deployments never ask.
#[derive(Debug, Default)]
pub struct Target {
    client: OnceCell<reqwest::Client>,
}

impl Target {
    /// Asks a question, and waits no longer than it says.
    ///
    /// # Errors
    /// Why nothing was decided.
    pub async fn ask(&self, question: &Question, asked: &Personalization) -> Result<Decided, NoDecision> {
        let build = || async { reqwest::Client::builder().redirect(Policy::none()).build() };
        let client = self.client.get_or_try_init(build).await.map_err(NoDecision::Silence)?;
        let call = client.post(question.url.clone()).timeout(question.patience).json(&question.body);
        let mut answer = call.send().await.map_err(|error| NoDecision::Silence(error.without_url()))?;
        if !answer.status().is_success() {
            return Err(NoDecision::Status(answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(part) =
            answer.chunk().await.map_err(|error| NoDecision::Silence(error.without_url()))?
        {
            body.extend_from_slice(&part);
            if body.len() > LARGEST_ANSWER {
                return Err(NoDecision::Form);
            }
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| NoDecision::Form)?;
        Ok(answer.decided(asked))
    }
}

/// The Delivery API's answer, as far as it is used.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    #[serde(default)]
    execute: Execute,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Execute {
    page_load: Option<Place>,
    mboxes: Vec<Place>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Place {
    name: String,
    options: Vec<Choice>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Choice {
    #[serde(rename = "type")]
    kind: String,
    content: Value,
    response_tokens: Map<String, Value>,
}

impl Answer {
    fn decided(self, asked: &Personalization) -> Decided {
        let page = self.execute.page_load.map(|place| (PAGE.to_owned(), place));
        let places = self.execute.mboxes.into_iter().map(|place| (place.name.clone(), place));
        let decided = page.into_iter().chain(places).filter_map(|(scope, place)| {
            let proposition = proposition(&scope, &place, asked)?;
            Some((scope, proposition))
        });
        decided.collect()
    }
}

/// What Target has for a scope as the Web SDK renders it; nothing where the page can render none of it.
fn proposition(scope: &str, place: &Place, asked: &Personalization) -> Option<Value> {
    let mut items: Vec<Value> = Vec::new();
    for choice in &place.options {
        for (schema, data) in items_of(choice).into_iter().filter(|(schema, _)| asked.accepts(schema)) {
            items.push(json!({"id": format!("{scope}-{}", items.len()), "schema": schema, "data": data}));
        }
    }
    let token = |name: &str| place.options.iter().find_map(|choice| choice.response_tokens.get(name));
    let details = json!({
        "decisionProvider": "TGT",
        "activity": {"id": token("activity.id")},
        "experience": {"id": token("experience.id")},
    });
    let proposition =
        json!({"id": format!("TGT:{scope}"), "scope": scope, "scopeDetails": details, "items": items});
    (!items.is_empty()).then_some(proposition)
}

fn items_of(choice: &Choice) -> Vec<(&'static str, Value)> {
    let content = &choice.content;
    match choice.kind.as_str() {
        "html" => vec![(HTML_CONTENT, json!({"format": "text/html", "content": content}))],
        "json" => vec![(JSON_CONTENT, json!({"format": "application/json", "content": content}))],
        "actions" => {
            let actions = content.as_array().map(Vec::as_slice).unwrap_or_default().iter();
            actions.filter_map(|action| Some((DOM_ACTION, dom_action(action)?))).collect()
        }
        _ => Vec::new(),
    }
}

/// An action of Target's as the Web SDK knows it: what Target calls `cssSelector` hides the place until it is changed.
fn dom_action(action: &Value) -> Option<Value> {
    let mut data = action.as_object()?.clone();
    if let Some(selector) = data.remove("cssSelector") {
        data.insert("prehidingSelector".to_owned(), selector);
    }
    data.insert("format".to_owned(), "application/vnd.adobe.target.dom-action".into());
    Some(data.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn rule() -> TargetRule {
        TargetRule {
            client_code: "northshop".to_owned(),
            property_token: Some("p-1".to_owned()),
            scopes: ["__view__", "promo"].map(str::to_owned).into(),
            audiences: BTreeSet::new(),
            timeout_ms: 200,
            endpoint: None,
        }
    }

    fn asked(scopes: &[&str]) -> Personalization {
        Personalization { scopes: scopes.iter().map(|each| (*each).to_owned()).collect(), schemas: None }
    }

    fn question(scopes: &[&str]) -> Option<Question> {
        let ecid = "24942604298416173926982547278274642631".parse().unwrap();
        let subject = Subject {
            ecid: &ecid,
            session: "0a1b",
            page: "https://www.shop.test/",
            referrer: None,
            memberships: BTreeMap::from([("movers", true), ("buyers", false)]),
        };
        Question::of(&rule(), &asked(scopes), &subject)
    }

    #[test]
    fn target_is_asked_for_its_own_scopes_and_told_memberships_in_words() {
        let Question { url, body, patience } = question(&["promo", "__view__", "elsewhere"]).unwrap();
        let expected = "https://northshop.tt.omtrdc.net/rest/v1/delivery?client=northshop&sessionId=0a1b";
        assert_eq!(url.as_str(), expected);
        assert_eq!(patience, Duration::from_millis(200));
        let parameters = json!({"movers": "true", "buyers": "false"});
        assert_eq!(
            body["execute"],
            json!({
                "pageLoad": {"profileParameters": parameters},
                "mboxes": [{"index": 0, "name": "promo", "profileParameters": parameters}],
            })
        );
        assert_eq!(body["property"]["token"], "p-1");
        assert_eq!(question(&["elsewhere"]), None);
    }

    #[test]
    fn what_target_decides_is_written_as_the_sdk_renders_it() {
        let answer = json!({"status": 200, "execute": {
            "pageLoad": {"options": [{"type": "actions", "content": [
                {"type": "setHtml", "selector": "#hero", "cssSelector": "#hero", "content": "<b>x</b>"}
            ], "responseTokens": {"activity.id": "100001"}}]},
            "mboxes": [
                {"index": 0, "name": "promo", "options": [{"type": "html", "content": "<i>y</i>"}]},
                {"index": 1, "name": "nothing"},
                {"index": 2, "name": "unknown", "options": [{"type": "redirect", "content": "z"}]},
            ],
        }});
        let answer: Answer = serde_json::from_value(answer).unwrap();
        let decided = answer.decided(&asked(&[]));
        assert_eq!(decided.keys().collect::<Vec<_>>(), ["__view__", "promo"]);
        let page = &decided["__view__"];
        assert_eq!(page["scopeDetails"]["activity"]["id"], "100001");
        assert_eq!(
            page["items"][0],
            json!({"id": "__view__-0", "schema": DOM_ACTION, "data": {
                "type": "setHtml", "selector": "#hero", "prehidingSelector": "#hero", "content": "<b>x</b>",
                "format": "application/vnd.adobe.target.dom-action",
            }})
        );
        assert_eq!(decided["promo"]["items"][0]["data"]["content"], "<i>y</i>");
    }

    #[test]
    fn an_answer_of_another_form_decides_nothing() {
        for answer in [json!({}), json!({"execute": {}}), json!({"execute": {"mboxes": [{}]}})] {
            let answer: Answer = serde_json::from_value(answer).unwrap();
            assert_eq!(answer.decided(&asked(&[])), Decided::new());
        }
    }
}
