//! The Delivery API, as Adobe documents it: which offers a visitor sees in which places.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::state::{Notification, Offer, Parameters, State};
use crate::stand_in::{Answer, Call};

const MAX_MBOXES: usize = 50;
const MAX_PARAMETERS: usize = 100;
const MAX_PROFILE_PARAMETERS: usize = 50;
const MAX_MBOX_NAME: usize = 250;
const MAX_NAME: usize = 128;
const MAX_VALUE: usize = 5_000;
const MAX_ID: usize = 256;
const MAX_SESSION: usize = 128;

/// The place that stands for the page as a whole.
const PAGE: &str = "target-global-mbox";

/// Why a call is refused.
type Refusal = (u16, String);

fn bad(message: impl Into<String>) -> Refusal {
    (400, message.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "what is read and not used is still refused where it has another shape")]
struct DeliveryRequest {
    request_id: Option<String>,
    impression_id: Option<String>,
    #[serde(default)]
    id: VisitorId,
    environment_id: Option<u64>,
    property: Option<Property>,
    trace: Option<Value>,
    context: Context,
    experience_cloud: Option<Value>,
    #[serde(default)]
    execute: Wanted,
    #[serde(default)]
    prefetch: Wanted,
    #[serde(default)]
    notifications: Vec<Notified>,
    telemetry: Option<Value>,
    qa_mode: Option<Value>,
    preview: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct VisitorId {
    tnt_id: Option<String>,
    third_party_id: Option<String>,
    marketing_cloud_visitor_id: Option<String>,
    #[serde(default)]
    customer_ids: Vec<CustomerId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "what is read and not used is still refused where it has another shape")]
struct CustomerId {
    id: String,
    integration_code: String,
    authenticated_state: AuthenticatedState,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AuthenticatedState {
    Unknown,
    Authenticated,
    LoggedOut,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Property {
    token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    channel: Channel,
    address: Option<Address>,
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Channel {
    Web,
    Mobile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "what is read and not used is still refused where it has another shape")]
struct Address {
    url: Option<String>,
    referring_url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wanted {
    page_load: Option<Details>,
    mboxes: Option<Vec<Mbox>>,
    views: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mbox {
    index: u32,
    name: String,
    #[serde(flatten)]
    details: Details,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    profile_parameters: Parameters,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what is read and not used is still refused where it has another shape")]
struct Notified {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    timestamp: u64,
    #[serde(default)]
    tokens: Vec<String>,
    mbox: Option<Named>,
    view: Option<Value>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

pub(super) fn answer(state: &mut State, call: &Call) -> Answer {
    match decide(state, call) {
        Ok(body) => Answer::json(200, &body),
        Err((status, message)) => Answer::json(status, &json!({"status": status, "message": message})),
    }
}

fn decide(state: &mut State, call: &Call) -> Result<Value, Refusal> {
    check_query(state, call)?;
    if !call.is_json() {
        return Err((415, "Content-Type has to be application/json".to_owned()));
    }
    let body: Value = serde_json::from_slice(&call.body).map_err(|error| bad(error.to_string()))?;
    let request: DeliveryRequest =
        serde_json::from_value(body.clone()).map_err(|error| bad(error.to_string()))?;
    check(&request)?;
    let profile = profile(state, &request);
    let has_property = match &state.settings.property {
        None => true,
        Some(token) => request.property.as_ref().is_some_and(|property| property.token == *token),
    };
    let offers: &[Offer] = if has_property { &state.offers } else { &[] };
    let mut answer = json!({
        "status": 200,
        "requestId": request.request_id.clone().unwrap_or_else(|| ulid::Ulid::generate().to_string()),
        "client": state.settings.client_code,
        "id": ids(&request.id),
        "edgeHost": "mboxedge28.tt.omtrdc.net",
    });
    if let Some(answer) = answer.as_object_mut() {
        insert_chosen(answer, "execute", &request.execute, offers, &profile);
        insert_chosen(answer, "prefetch", &request.prefetch, offers, &profile);
        if !request.notifications.is_empty() {
            let ids = request.notifications.iter().map(|notified| json!({"id": notified.id}));
            answer.insert("notifications".to_owned(), ids.collect());
        }
    }
    state.notifications.extend(request.notifications.into_iter().map(|notified| Notification {
        kind: notified.kind,
        mbox: notified.mbox.map(|mbox| mbox.name),
        tokens: notified.tokens,
    }));
    state.deliveries.push(body);
    Ok(answer)
}

fn check_query(state: &State, call: &Call) -> Result<(), Refusal> {
    if call.query("client") != Some(&state.settings.client_code) {
        return Err((403, "client is not a client code that there is".to_owned()));
    }
    let is_session = |id: &str| {
        let is_printable = |each: char| !each.is_control() && !" ?{}/".contains(each);
        matches!(id.chars().count(), 1..=MAX_SESSION) && id.chars().all(is_printable)
    };
    if call.query("sessionId").is_some_and(is_session) {
        Ok(())
    } else {
        Err(bad("sessionId has to be 1 to 128 printable characters, without space, ?, {, } and /"))
    }
}

fn check(request: &DeliveryRequest) -> Result<(), Refusal> {
    check_id(&request.id)?;
    let has_url = request.context.address.as_ref().is_some_and(|address| address.url.is_some());
    if request.context.channel == Channel::Web && !has_url {
        return Err(bad("context.address.url is missing for channel web"));
    }
    if request.execute.views.is_some() {
        return Err(bad("views can only be prefetched"));
    }
    for wanted in [&request.execute, &request.prefetch] {
        check_mboxes(wanted.mboxes.as_deref().unwrap_or_default())?;
        wanted.page_load.as_ref().map_or(Ok(()), check_details)?;
    }
    for notified in &request.notifications {
        if !["display", "click"].contains(&notified.kind.as_str()) {
            return Err(bad("a notification's type has to be display or click"));
        }
    }
    Ok(())
}

fn check_id(id: &VisitorId) -> Result<(), Refusal> {
    let is_third_party_id = |id: &str| matches!(id.chars().count(), 1..=MAX_ID) && !id.contains(['+', '/']);
    if id.third_party_id.as_deref().is_some_and(|id| !is_third_party_id(id)) {
        return Err(bad("thirdPartyId has to be up to 256 characters, without + and /"));
    }
    let is_visitor_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    if id.marketing_cloud_visitor_id.as_deref().is_some_and(|id| !is_visitor_id(id)) {
        return Err(bad("marketingCloudVisitorId has to be digits"));
    }
    if !id.customer_ids.is_empty() && id.marketing_cloud_visitor_id.is_none() {
        return Err(bad("customerIds need the marketingCloudVisitorId"));
    }
    Ok(())
}

fn check_mboxes(mboxes: &[Mbox]) -> Result<(), Refusal> {
    if mboxes.len() > MAX_MBOXES {
        return Err(bad("size must be between 0 and 50"));
    }
    if mboxes.iter().map(|mbox| mbox.index).collect::<BTreeSet<_>>().len() != mboxes.len() {
        return Err(bad("every mbox needs an index of its own"));
    }
    for mbox in mboxes {
        if !matches!(mbox.name.chars().count(), 1..=MAX_MBOX_NAME) {
            return Err(bad("an mbox's name has to be 1 to 250 characters"));
        }
        check_details(&mbox.details)?;
    }
    Ok(())
}

fn check_details(details: &Details) -> Result<(), Refusal> {
    for (parameters, most) in
        [(&details.parameters, MAX_PARAMETERS), (&details.profile_parameters, MAX_PROFILE_PARAMETERS)]
    {
        if parameters.len() > most {
            return Err(bad(format!("there are more than {most} parameters")));
        }
        for (name, value) in parameters {
            let is_name = matches!(name.chars().count(), 1..=MAX_NAME) && !name.starts_with("profile.");
            if !is_name || value.chars().count() > MAX_VALUE {
                return Err(bad("a parameter's name or value is too long, or the name begins with profile."));
            }
        }
    }
    Ok(())
}

/// What is known of the visitor, with what the call says.
fn profile(state: &mut State, request: &DeliveryRequest) -> Parameters {
    let said: Parameters = [&request.execute, &request.prefetch]
        .into_iter()
        .flat_map(|wanted| {
            let mboxes = wanted.mboxes.iter().flatten().map(|mbox| &mbox.details);
            wanted.page_load.iter().chain(mboxes)
        })
        .flat_map(|details| details.profile_parameters.clone())
        .collect();
    match &request.id.third_party_id {
        Some(id) => state.visit(id, &said),
        None => said,
    }
}

/// The visitor's ids; whoever brings no `tntId` gets one.
fn ids(id: &VisitorId) -> Value {
    let tnt_id = id.tnt_id.clone().unwrap_or_else(|| format!("{}.28_0", ulid::Ulid::generate()));
    let mut ids = Map::from_iter([("tntId".to_owned(), json!(tnt_id))]);
    let others =
        [("thirdPartyId", &id.third_party_id), ("marketingCloudVisitorId", &id.marketing_cloud_visitor_id)];
    for (name, value) in others {
        if let Some(value) = value {
            ids.insert(name.to_owned(), json!(value));
        }
    }
    Value::Object(ids)
}

fn insert_chosen(
    answer: &mut Map<String, Value>,
    section: &str,
    wanted: &Wanted,
    offers: &[Offer],
    profile: &Parameters,
) {
    let is_prefetch = section == "prefetch";
    let options = |place: &str| options(place, offers, profile, is_prefetch);
    let mut chosen = Map::new();
    if wanted.page_load.is_some() {
        chosen.insert("pageLoad".to_owned(), Value::Object(options(PAGE)));
    }
    if let Some(mboxes) = &wanted.mboxes {
        let mboxes = mboxes.iter().map(|mbox| {
            let mut chosen = options(&mbox.name);
            chosen.insert("index".to_owned(), json!(mbox.index));
            chosen.insert("name".to_owned(), json!(mbox.name));
            Value::Object(chosen)
        });
        chosen.insert("mboxes".to_owned(), mboxes.collect());
    }
    if wanted.views.is_some() {
        chosen.insert("views".to_owned(), json!([]));
    }
    if !chosen.is_empty() {
        answer.insert(section.to_owned(), Value::Object(chosen));
    }
}

/// The first offer of a place that fits the profile; a place without one has no options.
fn options(place: &str, offers: &[Offer], profile: &Parameters, is_prefetch: bool) -> Map<String, Value> {
    let fits = |offer: &&Offer| {
        offer.mbox == place && offer.when.iter().all(|(name, value)| profile.get(name) == Some(value))
    };
    let Some(offer) = offers.iter().find(fits) else { return Map::new() };
    let mut option = json!({"type": offer.kind, "content": offer.content});
    if let (true, Some(option)) = (is_prefetch, option.as_object_mut()) {
        option.insert("eventToken".to_owned(), json!(format!("token-of-{place}")));
    }
    Map::from_iter([("options".to_owned(), json!([option]))])
}
