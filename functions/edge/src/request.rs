//! What a request's body says.
//!
//! Bodies come from anyone. What is read is held to its form and to limits, with the place of whatever breaks them;
//! what is not read is kept as it came, inside its event.

use std::collections::BTreeMap;

use domain::edge::datastream::Limits;
use domain::namespace::{LONGEST_VALUE, NamespaceCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::ecid::Ecid;
use crate::json;
use crate::problem::{Kind, Problem};
use crate::route::Action;

/// The most bytes of one event (Adobe's profile has the same limit).
pub const LARGEST_EVENT: usize = 10 * 1024;
/// How deeply arrays and objects of a body may lie in each other.
pub const DEEPEST: usize = 64;
/// The most identities of one map (Adobe's identity service has the same limit).
pub const MOST_IDENTITIES: usize = 20;
/// The most scopes and surfaces that one event may ask for.
pub const MOST_SCOPES: usize = 100;

/// The most characters of a name that a problem repeats, where the page may choose any.
const LONGEST_NAME: usize = 64;

/// A request's body.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Body {
    /// What happened.
    pub events: Vec<Event>,
    /// Who it is about, according to the request as a whole.
    pub identities: Vec<Claim>,
    /// What the visitor allows, where the request is about that.
    pub consent: Option<Stated>,
    /// What the page knows of its cookies.
    pub state: State,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// All of it as it came, on one line, but for the token: whoever reads it could use it to be somebody else.
    pub text: String,
    /// What the schema knows of it.
    pub xdm: Map<String, Value>,
    /// What is to prove who is logged in (`data.tributary.token`): a token, or whatever else the page sends.
    pub token: Option<Value>,
    /// Who it is about, according to the page.
    pub identities: Vec<Claim>,
    /// What the visitor allows, as far as the event says so (`xdm.consents`).
    pub consent: Option<Stated>,
    /// What the page wants to be shown, if it asks for anything.
    pub personalization: Option<Personalization>,
}

/// An identity that a page or a server claims.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// Its namespace.
    pub namespace: NamespaceCode,
    /// Its value: personal data, and whatever the page likes.
    pub id: String,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:..", self.namespace)
    }
}

/// What an event wants to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Personalization {
    /// The scopes and surfaces for which decisions are wanted, each once.
    pub scopes: Vec<String>,
    /// The schemas of items that the page can render; none said means all.
    pub schemas: Option<Vec<String>>,
}

/// What a visitor allows, as far as it was said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stated {
    /// Whether data may be collected.
    pub collect: Option<bool>,
    /// Whether content may be personalised.
    pub personalize: Option<bool>,
    /// Since when.
    pub time: Option<Timestamp>,
}

/// What a page knows of its cookies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The domain on which the page's cookies are set.
    pub domain: Option<String>,
    /// The cookies that the browser does not send to this host by itself: names and values.
    pub entries: Vec<(String, String)>,
}

impl Body {
    /// Reads a body.
    ///
    /// # Errors
    /// Where it is larger than the limits, no JSON, or no request for the action.
    pub fn parse(body: &[u8], action: Action, limits: &Limits) -> Result<Body, Problem> {
        let (root, raw_events) = parse(body, limits)?;
        let root = At { place: String::new(), value: &root };
        root.object()?;
        let query = root.member("query")?;
        // Whatever a page asks for, it is told its ECID and nothing else.
        query.member("identity")?.member("fetch")?.map(|fetch| fetch.texts()).transpose()?;
        let meta = root.member("meta")?;
        let mut parsed = Body {
            events: events(&root, &raw_events, limits)?,
            identities: identity_map(root.member("xdm")?)?,
            consent: None,
            state: State::read(meta.member("state")?)?,
        };
        match action {
            Action::Interact | Action::Collect if parsed.events.is_empty() => {
                return Err(invalid("events", "at least one event"));
            }
            Action::SetConsent => {
                parsed.consent = Some(consent(root.member("consent")?)?);
                // The SDK names the visitor of a consent at the top level, and hands an ECID over as elsewhere.
                parsed.identities.extend(identity_map(Some(root))?);
            }
            _ => {}
        }
        // A server may ask for decisions beside its one event instead of within it.
        if let Some(asked) = query.member("personalization")?
            && let Some(event) = parsed.events.first_mut()
            && event.personalization.is_none()
        {
            event.personalization = Some(Personalization::read(&asked)?);
        }
        Ok(parsed)
    }
}

/// The events of a body as they came.
#[derive(Deserialize)]
struct RawEvents<'a> {
    #[serde(borrow)]
    events: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
}

/// Parses a body twice: for what stands in it, and for its events as they came.
fn parse<'a>(body: &'a [u8], limits: &Limits) -> Result<(Value, Vec<&'a RawValue>), Problem> {
    let most = limits.body_bytes as usize;
    if body.len() > most {
        let detail = format!("the body has {} bytes: expected at most {most}", body.len());
        return Err(Problem::new(Kind::Size, detail));
    }
    let text = str::from_utf8(body)
        .map_err(|error| Problem::new(Kind::Body, format!("the body is no text in UTF-8: {error}")))?;
    if json::depth(text) > DEEPEST {
        let detail = format!("arrays and objects lie deeper than {DEEPEST} in each other");
        return Err(Problem::new(Kind::Body, detail));
    }
    let root = serde_json::from_str(text).map_err(|error| no_json(&error))?;
    let RawEvents { events, event } = match root {
        Value::Object(_) => serde_json::from_str(text).map_err(|error| no_events(&error))?,
        _ => RawEvents { events: None, event: None },
    };
    Ok((root, events.unwrap_or_default().into_iter().chain(event).collect()))
}

/// The parser's own words about JSON that is none. They tell a position, and nothing of what stands there.
fn no_json(error: &serde_json::Error) -> Problem {
    Problem::new(
        Kind::Body,
        format!("the body is no JSON: see line {}, column {}", error.line(), error.column()),
    )
}

fn no_events(error: &serde_json::Error) -> Problem {
    let detail = format!(
        "`events` is not what is expected at line {}, column {}: expected one list of events, or one `event`",
        error.line(),
        error.column()
    );
    Problem::new(Kind::Body, detail)
}

fn invalid(place: &str, expected: &str) -> Problem {
    Problem::new(Kind::Body, format!("`{place}` is not what is expected there: expected {expected}"))
}

fn events(root: &At<'_>, raw: &[&RawValue], limits: &Limits) -> Result<Vec<Event>, Problem> {
    if raw.len() > limits.events.into() {
        let detail = format!("the body has {} events: expected at most {}", raw.len(), limits.events);
        return Err(Problem::new(Kind::Size, detail));
    }
    let mut places = match root.member("events")? {
        Some(list) => list.items()?,
        None => Vec::new(),
    };
    places.extend(root.member("event")?);
    places.iter().zip(raw).map(|(at, raw)| Event::read(at, raw.get())).collect()
}

impl Event {
    fn read(at: &At<'_>, raw: &str) -> Result<Event, Problem> {
        let text = json::on_one_line(raw);
        if text.len() > LARGEST_EVENT {
            let detail = format!("`{}` has {} bytes: expected at most {LARGEST_EVENT}", at.place, text.len());
            return Err(Problem::new(Kind::Size, detail));
        }
        at.object()?;
        let xdm = at.member("xdm")?;
        if let Some(data) = at.member("data")? {
            data.object()?;
        }
        let (text, token) = match token(&text, &at.place)? {
            Some(token) => (json::without(&text, token), serde_json::from_str(token.get()).ok()),
            None => (text, None),
        };
        let asked = at.member("query")?.member("personalization")?;
        Ok(Event {
            text,
            xdm: xdm.as_ref().map(At::object).transpose()?.cloned().unwrap_or_default(),
            token,
            consent: match xdm.member("consents")? {
                Some(consents) => Some(Stated::read(&consents)?),
                None => None,
            },
            identities: identity_map(xdm)?,
            personalization: asked.map(|asked| Personalization::read(&asked)).transpose()?,
        })
    }
}

/// The token of an event, where it stands in the text. On the way there every name has to be unmistakable: what is read
/// as the token and what is not kept must be one.
fn token<'a>(text: &'a str, place: &str) -> Result<Option<&'a RawValue>, Problem> {
    let mut place = place.to_owned();
    let mut object = text;
    for step in ["data", "tributary"] {
        let Some(member) = members(object, &place)?.remove(step) else { return Ok(None) };
        object = member.get();
        place = format!("{place}.{step}");
    }
    Ok(members(object, &place)?.remove("token").filter(|token| token.get() != "null"))
}

fn members<'a>(object: &'a str, place: &str) -> Result<BTreeMap<String, &'a RawValue>, Problem> {
    json::members(object).map_err(|_| invalid(place, "an object that has every name once"))
}

/// The identities of an object's `identityMap`.
fn identity_map(object: Option<At<'_>>) -> Result<Vec<Claim>, Problem> {
    let Some(map) = object.member("identityMap")? else { return Ok(Vec::new()) };
    let mut claims = Vec::new();
    for (code, values) in map.object()? {
        let shown: String = code.chars().take(LONGEST_NAME).collect();
        let at = At { place: format!("{}.{shown}", map.place), value: values };
        let namespace: NamespaceCode =
            code.parse().map_err(|_| invalid(&at.place, "the code of a namespace as the member's name"))?;
        for item in at.items()? {
            claims.push(Claim::read(&item, namespace.clone())?);
        }
    }
    if claims.len() > MOST_IDENTITIES {
        let found = claims.len();
        let detail = format!("`{}` has {found} identities: expected at most {MOST_IDENTITIES}", map.place);
        return Err(Problem::new(Kind::Body, detail));
    }
    Ok(claims)
}

impl Claim {
    fn read(at: &At<'_>, namespace: NamespaceCode) -> Result<Claim, Problem> {
        at.object()?;
        let missing = || invalid(&format!("{}.id", at.place), "a text");
        let id = at.member("id")?.ok_or_else(missing)?;
        let text = id.text()?;
        if !(1..=LONGEST_VALUE).contains(&text.chars().count()) {
            return Err(invalid(&id.place, "1 to 1024 characters"));
        }
        if namespace.as_str() == "ECID" && text.parse::<Ecid>().is_err() {
            return Err(invalid(&id.place, "the 38 digits of an ECID"));
        }
        if let Some(state) = at.member("authenticatedState")?
            && !["ambiguous", "authenticated", "loggedOut"].contains(&state.text()?)
        {
            return Err(invalid(&state.place, "`ambiguous`, `authenticated` or `loggedOut`"));
        }
        Ok(Claim { namespace, id: text.to_owned() })
    }
}

impl Personalization {
    fn read(at: &At<'_>) -> Result<Personalization, Problem> {
        at.object()?;
        let mut scopes: Vec<String> = Vec::new();
        for name in ["decisionScopes", "surfaces"] {
            let asked = at.member(name)?.map(|list| list.texts()).transpose()?;
            for scope in asked.unwrap_or_default() {
                if scopes.contains(&scope) {
                    continue;
                }
                if scopes.len() == MOST_SCOPES {
                    let expected = format!("at most {MOST_SCOPES} `decisionScopes` and `surfaces`");
                    return Err(invalid(&at.place, &expected));
                }
                scopes.push(scope);
            }
        }
        Ok(Personalization { scopes, schemas: at.member("schemas")?.map(|list| list.texts()).transpose()? })
    }

    /// Whether the page can render items of a schema.
    pub fn accepts(&self, schema: &str) -> bool {
        self.schemas.as_ref().is_none_or(|schemas| schemas.iter().any(|each| each == schema))
    }
}

/// What a consent request says: the last statement of Adobe's standard, of either version.
fn consent(at: Option<At<'_>>) -> Result<Stated, Problem> {
    let expected = "a list with a statement of the standard `Adobe`, version `1.0` or `2.0`";
    let statements = at.ok_or_else(|| invalid("consent", expected))?.items()?;
    let mut stated = None;
    for statement in &statements {
        let standard = statement.member("standard")?.map(|standard| standard.text().map(str::to_owned));
        if standard.transpose()?.as_deref() != Some("Adobe") {
            continue;
        }
        let value = statement.member("value")?;
        let value = value.ok_or_else(|| invalid(&format!("{}.value", statement.place), "an object"))?;
        let version = statement.member("version")?.map(|version| version.text().map(str::to_owned));
        stated = Some(match version.transpose()?.as_deref() {
            Some("1.0") => Stated::general(&value)?,
            Some("2.0") => Stated::read(&value)?,
            _ => return Err(invalid(&format!("{}.version", statement.place), "`1.0` or `2.0`")),
        });
    }
    stated
        .filter(|stated| stated.collect.is_some() || stated.personalize.is_some())
        .ok_or_else(|| invalid("consent", expected))
}

impl Stated {
    /// Version 1.0: `{"general": "in"}`.
    fn general(at: &At<'_>) -> Result<Stated, Problem> {
        let place = format!("{}.general", at.place);
        let expected = || invalid(&place, "`in` or `out`");
        let allowed = match at.member("general")?.ok_or_else(expected)?.text()? {
            "in" => true,
            "out" => false,
            _ => return Err(expected()),
        };
        Ok(Stated { collect: Some(allowed), personalize: Some(allowed), time: None })
    }

    /// Version 2.0, and the XDM consents: `{"collect": {"val": "y"}, "personalize": {"content": {"val": "y"}}}`.
    fn read(at: &At<'_>) -> Result<Stated, Problem> {
        at.object()?;
        let time = at.member("metadata")?.member("time")?;
        let time = time.map(|time| {
            let at = time.text()?.parse();
            at.map_err(|_| invalid(&time.place, "a time such as `2026-11-22T12:00:00Z`"))
        });
        Ok(Stated {
            collect: choice(at.member("collect")?)?,
            personalize: choice(at.member("personalize")?.member("content")?)?,
            time: time.transpose()?,
        })
    }
}

/// A choice of the XDM consents. Values that stand for neither yes nor no, such as `p` (pending), say nothing.
fn choice(at: Option<At<'_>>) -> Result<Option<bool>, Problem> {
    let Some(value) = at.member("val")? else { return Ok(None) };
    Ok(match value.text()? {
        "y" | "dy" => Some(true),
        "n" | "dn" => Some(false),
        _ => None,
    })
}

impl State {
    fn read(at: Option<At<'_>>) -> Result<State, Problem> {
        let mut state = State::default();
        if let Some(domain) = at.member("domain")? {
            // An empty domain is that of a page on `localhost`: its cookies belong to no domain.
            state.domain = Some(domain.text()?.to_owned()).filter(|domain| !domain.is_empty());
        }
        let Some(entries) = at.member("entries")? else { return Ok(state) };
        for entry in entries.items()? {
            let text = |name: &str| {
                let missing = || invalid(&format!("{}.{name}", entry.place), "a text");
                entry.member(name)?.ok_or_else(missing)?.text().map(str::to_owned)
            };
            state.entries.push((text("key")?, text("value")?));
        }
        Ok(state)
    }
}

/// A value of the body, and where it stands there.
struct At<'a> {
    place: String,
    value: &'a Value,
}

impl<'a> At<'a> {
    fn object(&self) -> Result<&'a Map<String, Value>, Problem> {
        self.value.as_object().ok_or_else(|| invalid(self.place_or_body(), "an object"))
    }

    fn items(&self) -> Result<Vec<At<'a>>, Problem> {
        let items = self.value.as_array().ok_or_else(|| invalid(&self.place, "a list"))?;
        let at = |(index, value)| At { place: format!("{}[{index}]", self.place), value };
        Ok(items.iter().enumerate().map(at).collect())
    }

    fn text(&self) -> Result<&'a str, Problem> {
        self.value.as_str().ok_or_else(|| invalid(&self.place, "a text"))
    }

    fn texts(&self) -> Result<Vec<String>, Problem> {
        self.items()?.iter().map(|item| item.text().map(str::to_owned)).collect()
    }

    fn place_or_body(&self) -> &str {
        if self.place.is_empty() { "(the body)" } else { &self.place }
    }
}

/// Steps down: what is missing or null has no members, and what is no object is out of place.
trait Members<'a> {
    fn member(&self, name: &str) -> Result<Option<At<'a>>, Problem>;
}

impl<'a> Members<'a> for At<'a> {
    fn member(&self, name: &str) -> Result<Option<At<'a>>, Problem> {
        let Some(value) = self.object()?.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
        let place = if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) };
        Ok(Some(At { place, value }))
    }
}

impl<'a> Members<'a> for Option<At<'a>> {
    fn member(&self, name: &str) -> Result<Option<At<'a>>, Problem> {
        match self {
            Some(at) => at.member(name),
            None => Ok(None),
        }
    }
}
