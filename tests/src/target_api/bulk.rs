//! The bulk profile update API, as Adobe documents it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::state::{Batch, Fault, Parameters, State, Upload};
use crate::stand_in::{Answer, Call};

const MAX_BYTES: usize = 50_000_000;
const MAX_ROWS: usize = 500_000;
const MAX_ID: usize = 256;
const MAX_NAME: usize = 128;
const MAX_PROFILE_BYTES: usize = 64 * 1024;

fn xml(status: u16, elements: &[(&str, String)]) -> Answer {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let elements: String =
        elements.iter().map(|(name, text)| format!("\n    <{name}>{}</{name}>", escaped(text))).collect();
    let body = format!("<response>{elements}\n</response>");
    Answer::text(status, "text/xml;charset=UTF-8", body)
}

fn refusal(status: u16, message: impl Into<String>) -> Answer {
    xml(status, &[("success", "false".to_owned()), ("message", message.into())])
}

/// Whether a call of the profile API may be answered at all.
fn admit(state: &mut State, call: &Call) -> Result<(), Answer> {
    if !state.admits_profile_call() {
        return Err(refusal(503, "more than 50 calls within a minute"));
    }
    if call.path.get(1) != Some(&state.settings.client_code) {
        return Err(refusal(404, "there is no such client"));
    }
    match &state.settings.token {
        Some(token) if call.bearer() != Some(token) => Err(refusal(401, "Authorization is required")),
        _ => Ok(()),
    }
}

/// Takes a file, or says why not.
pub(super) fn take(state: &mut State, call: &Call, fault: Option<&Fault>) -> Answer {
    if let Err(refused) = admit(state, call) {
        return refused;
    }
    // A file that Target read and did not take is answered with 200.
    let mut upload = match read(call, state.next_batch_id()) {
        Ok(upload) => upload,
        Err(message) => return refusal(200, message),
    };
    match fault {
        Some(Fault::Refuse { message }) => return refusal(200, message),
        Some(Fault::Stuck) => {
            upload.batch.status = "stuck";
            upload.due = None;
        }
        Some(Fault::Slow { milliseconds }) => {
            upload.due = Some(Instant::now() + Duration::from_millis(*milliseconds));
        }
        _ => {}
    }
    let at = format!("http://{}/m2/{}/profile/batchStatus", call.host, state.settings.client_code);
    let status_url = format!("{at}?batchId={}", upload.batch.id);
    state.take(upload);
    xml(
        200,
        &[
            ("success", "true".to_owned()),
            ("batchStatus", status_url),
            ("message", "Batch submitted for processing".to_owned()),
        ],
    )
}

fn read(call: &Call, id: String) -> Result<Upload, String> {
    if call.content_type.as_deref() != Some("application/x-www-form-urlencoded") {
        return Err("Content-Type has to be application/x-www-form-urlencoded".to_owned());
    }
    if call.body.len() >= MAX_BYTES {
        return Err("the file has to be smaller than 50 MB".to_owned());
    }
    let text = std::str::from_utf8(&call.body).map_err(|_| "Unexpected error".to_owned())?;
    let text = text.strip_prefix("batch=").ok_or("the file has to begin with batch=")?;
    if text.split('\n').count() > MAX_ROWS + 1 {
        return Err(format!("the file has more than {MAX_ROWS} rows"));
    }
    let mut lines = text.split('\n');
    let columns = header(lines.next().unwrap_or_default())?;
    let rows =
        lines.enumerate().map(|(index, line)| row(index, line, &columns)).collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() || rows.iter().all(|(_, values)| values.is_empty()) {
        return Err("Batch is empty".to_owned());
    }
    let cells: usize = rows.iter().map(|(_, values)| values.len()).sum();
    let empty_values = rows.len() * columns.len() - cells;
    let batch = Batch { id, rows: rows.len(), columns, empty_values, successful: 0, status: "incomplete" };
    Ok(Upload { batch, rows, due: Some(Instant::now()) })
}

/// The parameters that a file names.
fn header(line: &str) -> Result<Vec<String>, String> {
    let mut cells = line.split(',');
    if cells.next() != Some("thirdPartyId") {
        return Err("the first column has to be thirdPartyId".to_owned());
    }
    let names = cells.map(decoded).collect::<Result<Vec<_>, _>>()?;
    let is_name =
        |name: &String| !name.is_empty() && name.chars().count() <= MAX_NAME && !name.starts_with("profile.");
    if names.is_empty() || !names.iter().all(is_name) {
        return Err("the columns have to be parameters in the format paramName".to_owned());
    }
    if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
        return Err("a parameter stands there twice".to_owned());
    }
    Ok(names)
}

/// A row: whose it is, if it can be anybody's, and what it says. Empty cells say nothing.
fn row(index: usize, line: &str, columns: &[String]) -> Result<(Option<String>, Parameters), String> {
    let at = |message: &str| format!("row {}: {message}", index + 1);
    let mut cells = line.split(',');
    let id = decoded(cells.next().unwrap_or_default()).map_err(|message| at(&message))?;
    let cells = cells.map(decoded).collect::<Result<Vec<_>, _>>().map_err(|message| at(&message))?;
    if cells.len() > columns.len() {
        return Err(at("there are more values than parameters"));
    }
    let values: Parameters =
        columns.iter().cloned().zip(cells).filter(|(_, value)| !value.is_empty()).collect();
    let bytes: usize = values.iter().map(|(name, value)| name.len() + value.len()).sum();
    let is_id = !id.is_empty() && id.chars().count() <= MAX_ID && !id.contains(['+', '/']);
    Ok(((is_id && bytes <= MAX_PROFILE_BYTES).then_some(id), values))
}

/// Text that is URL-encoded in UTF-8, as Adobe asks for. What is not would be cut or changed by Target.
fn decoded(cell: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(cell.len());
    let mut rest = cell.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits =
                    [rest.next(), rest.next()].map(|digit| char::from(digit.unwrap_or(b'-')).to_digit(16));
                let [Some(high), Some(low)] = digits else { return Err("Unexpected error".to_owned()) };
                u8::try_from(high * 16 + low).unwrap_or_default()
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => byte,
            b'-' | b'.' | b'!' | b'~' | b'_' | b'*' | b'(' | b')' => byte,
            _ => return Err("a name or value is not URL-encoded".to_owned()),
        });
    }
    String::from_utf8(bytes).map_err(|_| "a name or value is not UTF-8".to_owned())
}

/// Tells how far a batch is.
pub(super) fn status(state: &mut State, call: &Call) -> Answer {
    if let Err(refused) = admit(state, call) {
        return refused;
    }
    let Some(batch) = call.query("batchId").and_then(|id| state.batch(id)) else {
        return refusal(404, "there is no such batch");
    };
    let mut elements = vec![
        ("batchId", batch.id),
        ("status", batch.status.to_owned()),
        ("batchSize", batch.rows.to_string()),
    ];
    if call.query("showDetails") == Some("true") {
        let consumed = if batch.status == "complete" { batch.rows } else { 0 };
        elements.extend([
            ("consumedCount", consumed.to_string()),
            ("successfulUpdates", batch.successful.to_string()),
            ("profilesNotFound", "0".to_owned()),
            ("failedUpdates", (consumed - batch.successful).to_string()),
        ]);
    }
    xml(200, &elements)
}
