//! What Meta documents, call by call.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use hyper::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::state::{Audience, Member, Session, State};
use crate::stand_in::{Answer, Call};

const MAX_ROWS: usize = 10_000;
const MAX_SAMPLES: usize = 100;
const HASHED_KEYS: [&str; 13] =
    ["EMAIL", "PHONE", "GEN", "DOBY", "DOBM", "DOBD", "LN", "FN", "FI", "CT", "ST", "ZIP", "COUNTRY"];
const CLEAR_KEYS: [&str; 2] = ["EXTERN_ID", "MADID"];
const SOURCES: [&str; 3] = ["USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED"];

/// A refusal in the vendor's form.
struct Refusal {
    status: u16,
    code: u32,
    subcode: Option<u32>,
    message: String,
}

type Answered = Result<Answer, Refusal>;

fn refusal(status: u16, code: u32, subcode: Option<u32>, message: impl Into<String>) -> Refusal {
    Refusal { status, code, subcode, message: message.into() }
}

fn invalid_parameter(message: impl Into<String>) -> Refusal {
    refusal(400, 100, None, message)
}

fn no_such_object(id: &str) -> Refusal {
    let message = format!(
        "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or \
         does not support this operation."
    );
    refusal(400, 100, Some(33), message)
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Answer {
        let Refusal { status, code, subcode, message } = refusal;
        let mut error = json!({
            "message": message,
            "type": if code == 190 { "OAuthException" } else { "GraphMethodException" },
            "code": code,
            "is_transient": code == 2,
            "fbtrace_id": "AStandInTrace",
        });
        if let (Some(subcode), Some(error)) = (subcode, error.as_object_mut()) {
            error.insert("error_subcode".to_owned(), subcode.into());
        }
        Answer::json(status, &json!({"error": error}))
    }
}

pub(super) fn throttled(account: &str, minutes: u64) -> Answer {
    let message = "(#80003) There have been too many calls to this ad-account.";
    let usage = json!({account.trim_start_matches("act_"): [{
        "type": "custom_audience", "call_count": 100, "total_cputime": 25, "total_time": 25,
        "estimated_time_to_regain_access": minutes,
    }]});
    let mut answer = Answer::from(refusal(400, 80003, Some(2_446_079), message));
    answer.headers.push(("x-business-use-case-usage", usage.to_string()));
    answer
}

pub(super) fn server_error(status: u16) -> Answer {
    refusal(status, 2, None, "An unexpected error has occurred. Please retry your request later.").into()
}

/// Answers a call as Meta would.
pub(super) fn answer(state: &mut State, call: &Call) -> Answer {
    route(state, call).unwrap_or_else(Answer::from)
}

fn route(state: &mut State, call: &Call) -> Answered {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let [version, path @ ..] = path.as_slice() else {
        return Err(refusal(400, 2500, None, "Unknown path components"));
    };
    if *version != state.settings.version {
        return Err(refusal(400, 2635, None, "You are calling a deprecated version of the Ads API."));
    }
    check_credentials(state, call)?;
    let method = match (&call.method, call.query("method")) {
        (&Method::POST, Some("DELETE" | "delete")) => &Method::DELETE,
        (method, _) => method,
    };
    match (method, path) {
        (&Method::GET, [account, "customaudiences"]) => {
            check_account(state, account)?;
            list_audiences(state, call)
        }
        (&Method::POST, [account, "customaudiences"]) => {
            check_account(state, account)?;
            create_audience(state, call)
        }
        (&Method::GET, [id]) => Ok(Answer::ok(&describe(find(state, id)?))),
        (&Method::POST, [id, "users"]) => users(state, id, call, Change::Add),
        (&Method::DELETE, [id, "users"]) => users(state, id, call, Change::Remove),
        _ => Err(refusal(400, 2500, None, "Unknown path components")),
    }
}

fn check_credentials(state: &State, call: &Call) -> Result<(), Refusal> {
    let token = call.bearer().or_else(|| call.query("access_token"));
    if token != Some(state.settings.token.as_str()) {
        return Err(refusal(401, 190, Some(463), "Error validating access token"));
    }
    let Some(app_secret) = &state.settings.app_secret else { return Ok(()) };
    let mut hmac = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes())
        .map_err(|_| invalid_parameter("Invalid app secret"))?;
    hmac.update(state.settings.token.as_bytes());
    if call.query("appsecret_proof") == Some(hex::encode(hmac.finalize().into_bytes()).as_str()) {
        Ok(())
    } else {
        Err(invalid_parameter("Invalid appsecret_proof provided in the API argument"))
    }
}

fn check_account(state: &State, account: &str) -> Result<(), Refusal> {
    if account == state.settings.account { Ok(()) } else { Err(no_such_object(account)) }
}

fn find<'a>(state: &'a State, id: &str) -> Result<&'a Audience, Refusal> {
    state.audiences.get(id).ok_or_else(|| no_such_object(id))
}

fn describe(audience: &Audience) -> Value {
    json!({
        "id": audience.id,
        "name": audience.name,
        "description": audience.description,
        "operation_status": {"code": 200, "description": "Normal"},
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    field: String,
    operator: String,
    value: String,
}

fn list_audiences(state: &State, call: &Call) -> Answered {
    let filters: Vec<Filter> = serde_json::from_str(call.query("filtering").unwrap_or("[]"))
        .map_err(|error| invalid_parameter(format!("Invalid parameter filtering: {error}")))?;
    if filters.iter().any(|filter| filter.field != "name" || filter.operator != "EQUAL") {
        return Err(invalid_parameter("Filtering field or operator is not supported"));
    }
    let matching = state
        .audiences
        .values()
        .filter(|audience| filters.iter().all(|filter| filter.value == audience.name))
        .map(describe);
    Ok(Answer::ok(&json!({"data": matching.collect::<Vec<_>>()})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAudience {
    name: String,
    #[serde(default)]
    description: String,
    subtype: String,
    customer_file_source: String,
}

fn parse<'a, T: Deserialize<'a>>(call: &'a Call) -> Result<T, Refusal> {
    if !call.is_json() {
        return Err(invalid_parameter("Content-Type must be application/json"));
    }
    serde_json::from_slice(&call.body)
        .map_err(|error| invalid_parameter(format!("Invalid parameter: {error}")))
}

fn create_audience(state: &mut State, call: &Call) -> Answered {
    let new: NewAudience = parse(call)?;
    if new.name.trim().is_empty() || new.subtype != "CUSTOM" {
        return Err(invalid_parameter("A name and the subtype CUSTOM are required"));
    }
    if !SOURCES.contains(&new.customer_file_source.as_str()) {
        return Err(invalid_parameter("Param customer_file_source must be one of the documented values"));
    }
    let id = format!("1202{:014}", state.audiences.len() + 1);
    let audience = Audience {
        id: id.clone(),
        name: new.name,
        description: new.description,
        customer_file_source: new.customer_file_source,
        members: BTreeSet::new(),
    };
    state.audiences.insert(id.clone(), audience);
    Ok(Answer::ok(&json!({"id": id})))
}

#[derive(Clone, Copy)]
enum Change {
    Add,
    Remove,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Users {
    payload: Payload,
    session: SessionBlock,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    schema: Vec<String>,
    data: Vec<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionBlock {
    session_id: i64,
    batch_seq: u64,
    last_batch_flag: bool,
    estimated_num_total: u64,
}

fn users(state: &mut State, id: &str, call: &Call, change: Change) -> Answered {
    find(state, id)?;
    let Users { payload, session } = parse(call)?;
    check_payload(&payload)?;
    if payload.data.iter().flatten().any(|cell| state.unbearable.contains(cell)) {
        return Err(invalid_parameter("Invalid parameter"));
    }
    let num_received = receive(state, &session, payload.data.len())?;
    let mut num_invalid = 0_usize;
    let mut samples = Map::new();
    let audience = state.audiences.get_mut(id).ok_or_else(|| no_such_object(id))?;
    for row in &payload.data {
        match (member(&payload.schema, row), change) {
            (Ok(member), Change::Add) => {
                audience.members.insert(member);
            }
            (Ok(member), Change::Remove) => {
                audience.members.remove(&member);
            }
            (Err(reason), _) => {
                num_invalid += 1;
                if samples.len() < MAX_SAMPLES {
                    samples.insert(json!(row).to_string(), reason.into());
                }
            }
        }
    }
    let body = json!({
        "audience_id": id,
        "session_id": session.session_id.to_string(),
        "num_received": num_received,
        "num_invalid_entries": num_invalid,
        // An empty map is a list where Meta's language writes JSON.
        "invalid_entry_samples": if samples.is_empty() { json!([]) } else { Value::Object(samples) },
    });
    Ok(Answer { rows: payload.data.len(), ..Answer::ok(&body) })
}

fn check_payload(payload: &Payload) -> Result<(), Refusal> {
    let Payload { schema, data } = payload;
    let is_key = |key: &String| HASHED_KEYS.contains(&key.as_str()) || CLEAR_KEYS.contains(&key.as_str());
    if schema.is_empty() || !schema.iter().all(is_key) {
        return Err(invalid_parameter("The schema holds a key that is not supported"));
    }
    if schema.iter().collect::<BTreeSet<_>>().len() != schema.len() {
        return Err(invalid_parameter("The schema holds a key twice"));
    }
    if data.is_empty() || data.len() > MAX_ROWS {
        return Err(invalid_parameter(format!("Between 1 and {MAX_ROWS} rows are expected")));
    }
    if data.iter().any(|row| row.len() != schema.len()) {
        return Err(invalid_parameter("A row's width differs from the schema's"));
    }
    Ok(())
}

/// Counts a batch into its session: batches in order, none after the last.
fn receive(state: &mut State, block: &SessionBlock, rows: usize) -> Result<usize, Refusal> {
    if block.session_id <= 0 || block.batch_seq == 0 || block.estimated_num_total == 0 {
        return Err(invalid_parameter("session_id, batch_seq and estimated_num_total must be positive"));
    }
    let session = state.sessions.entry(block.session_id).or_insert(Session {
        next_batch: 1,
        num_received: 0,
        finished: false,
    });
    if session.finished {
        return Err(refusal(400, 2650, Some(1_870_159), "The session is already finished"));
    }
    if block.batch_seq != session.next_batch {
        return Err(refusal(400, 2650, Some(1_870_147), "A batch of the session is missing"));
    }
    session.next_batch += 1;
    session.num_received += rows;
    session.finished = block.last_batch_flag;
    Ok(session.num_received)
}

/// The person of a row, or why the row is an invalid entry.
fn member(schema: &[String], row: &[String]) -> Result<Member, &'static str> {
    let mut member = Member::new();
    for (key, cell) in schema.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        match key.as_str() {
            "EXTERN_ID" => {}
            "MADID" if is_lower_uuid(cell) => {}
            "MADID" => return Err("incorrect format"),
            _ if is_lower_sha256(cell) => {}
            _ => return Err("incorrect hashing"),
        }
        member.insert(key.clone(), cell.clone());
    }
    if member.is_empty() { Err("empty row") } else { Ok(member) }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_lower_sha256(cell: &str) -> bool {
    cell.len() == 64 && is_lower_hex(cell)
}

fn is_lower_uuid(cell: &str) -> bool {
    cell.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && cell.split('-').all(is_lower_hex)
}
