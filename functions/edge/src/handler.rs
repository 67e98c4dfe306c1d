//! Requests in, answers out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws::Store;
use domain::catalogue::Catalogue;
use domain::edge::received::{FORMAT, Received};
use domain::edge::visitor::StoredVisitor;
use domain::identity::{Identity, IdentityKey, Keyring};
use domain::namespace::NamespaceCode;
use domain::value::object_from_json;
use jiff::Timestamp;
use lambda_http::http::header::{AUTHORIZATION, HOST, ORIGIN};
use lambda_http::http::{HeaderMap, Method};
use lambda_http::{Body as Bytes, Request, Response};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;
use tokio::time::sleep;
use tracing::{error, warn};
use ulid::Ulid;

use crate::cookie::{Cookie, Cookies, Kept, shared_domain};
use crate::ecid::Origin;
use crate::identity::Recognised;
use crate::line::Line;
use crate::problem::{Kind, Problem};
use crate::reply::{self, Handle, Reply};
use crate::request::{Body, Event};
use crate::route::{Action, Caller, Query, Route};
use crate::secrets::{Secrets, Values, is_one_of};
use crate::site::{Held, Site, Sites};
use crate::target::{Decided, Target};
use crate::token::{NoKey, Refused, Verifier};
use crate::visit::{Arrival, Happening, Visit};

/// How often a request is decided where somebody else writes the same visitor at the same time.
const ATTEMPTS: u32 = 8;

/// By how much the longest pause between two decisions grows, in milliseconds: in all a page waits 360 at most.
const PAUSE: u32 = 10;

/// What is said where nothing else can be done.
const TRY_AGAIN: &str = "the edge cannot serve this now: try again";

/// The header in which a proxy in front says which host was called.
const FORWARDED_HOST: &str = "x-forwarded-host";

/// The header in which the proxy in front shows its key.
const PROXY_KEY: &str = "x-tributary-origin";

/// The function: the store, and what is held in memory.
#[derive(Debug)]
pub struct Edge {
    store: Store,
    region: String,
    /// The secret of which the proxy in front shows a value, where there is one.
    proxy: Option<String>,
    target: Target,
    sites: Held,
    secrets: Secrets,
    keyring: OnceCell<Keyring>,
}

/// A request, as far as it is known without its body.
struct Call<'a> {
    request: &'a Request,
    route: Route,
    query: Query,
    /// The caller's own, or one that is made here: the answer and the log both tell it.
    request_id: &'a str,
    now: Timestamp,
}

/// A request whose body was read, with what is stored of its visitor.
struct Opened<'a> {
    site: &'a Site,
    body: Body,
    cookies: Cookies,
    visitor: Recognised,
    key: IdentityKey,
    stored: StoredVisitor,
}

impl Edge {
    /// The function on a store, in a region that serves its visitors.
    pub fn new(store: Store, region: impl Into<String>) -> Edge {
        Edge {
            sites: Held::new(store.clone()),
            store,
            // It stands in cookies and paths.
            region: region.into().to_lowercase().replace(|each: char| !each.is_ascii_alphanumeric(), ""),
            proxy: None,
            target: Target::default(),
            secrets: Secrets::default(),
            keyring: OnceCell::new(),
        }
    }

    /// The same function behind a proxy that shows a key, which is in a secret below `edge/`: nobody gets around it.
    pub fn behind(self, secret: &str) -> Edge {
        Edge { proxy: Some(secret.to_owned()), ..self }
    }

    /// Reads what the first request would wait for. What cannot be read now, requests try again.
    pub async fn warm(&self) {
        let now = Timestamp::now();
        let (keyring, sites, proxy) =
            tokio::join!(self.keyring(), self.sites.current(now), self.proxy_keys(now));
        if let Some(problem) = keyring.err().or(sites.err().map(unavailable)).or(proxy.err()) {
            warn!(problem = problem.kind.code(), "The edge starts without what its requests need.");
        }
    }

    /// Answers a request, whatever it is.
    pub async fn handle(&self, request: &Request) -> Response<Bytes> {
        if request.method() == Method::OPTIONS {
            return reply::readable(reply::preflight(), request.headers());
        }
        let query = Query::of(request.uri());
        let known = query.as_ref().ok().and_then(|query| query.request_id.clone());
        let request_id = known.unwrap_or_else(|| Ulid::generate().to_string());
        let mut line = Line::begin(&request_id);
        let response = match self.serve(request, query, &request_id, &mut line).await {
            Ok(response) => response,
            Err(problem) => {
                line.problem = Some(problem.kind);
                reply::refusal(&problem, &request_id)
            }
        };
        line.end(response.status());
        reply::readable(response, request.headers())
    }

    async fn serve(
        &self,
        request: &Request,
        query: Result<Query, Problem>,
        request_id: &str,
        line: &mut Line,
    ) -> Result<Response<Bytes>, Problem> {
        let now = Timestamp::now();
        self.let_through(request.headers(), now).await?;
        let route = Route::of(request.uri().path())?;
        line.route = Some(route);
        if request.method() != Method::POST {
            return Err(Problem::new(Kind::Method, "expected `POST`"));
        }
        let call = Call { request, route, query: query?, request_id, now };
        // Whether the catalogue is still in force is asked while the visitor is read.
        let held = self.sites.any(call.now).await.map_err(unavailable)?;
        let (opened, current) = tokio::join!(self.open(&held, &call), self.sites.current(call.now));
        let current = current.map_err(unavailable)?;
        line.datastream = current.get(&call.query.datastream).map(|site| site.datastream.name.clone());
        let opened = if Arc::ptr_eq(&held, &current) { opened } else { self.open(&current, &call).await };
        self.answer(&current, &call, opened?, line).await
    }

    /// Reads a request's body, and what is stored of its visitor.
    async fn open<'a>(&self, sites: &'a Sites, call: &Call<'_>) -> Result<Opened<'a>, Problem> {
        let no_datastream =
            || Problem::new(Kind::Datastream, "the project that is in force has no datastream of this name");
        let site = sites.get(&call.query.datastream).ok_or_else(no_datastream)?;
        self.admit(site, call).await?;
        let body = Body::parse(call.request.body(), call.route.action, &site.datastream.limits)?;
        let cookies = Cookies::of(&body.state, call.request.headers());
        let keyring = self.keyring().await?;
        let visitor = Recognised::from(&body, &cookies, &site.datastream, keyring).map_err(unavailable)?;
        let namespace = sites.in_force.catalogue.ecid_namespace();
        let namespace = namespace.ok_or_else(|| unavailable("the catalogue has no namespace `ECID`"))?;
        let key = keyring.identity(namespace, visitor.cookie.ecid.as_str()).map_err(unavailable)?.key;
        // Of whom nobody knew a moment ago, nothing is stored.
        let stored = match visitor.origin {
            Origin::Random => StoredVisitor::default(),
            _ => self.store.visitors.get(&key).await.map_err(unavailable)?,
        };
        Ok(Opened { site, body, cookies, visitor, key, stored })
    }

    /// Lets in what comes through the proxy, where there is one.
    async fn let_through(&self, headers: &HeaderMap, now: Timestamp) -> Result<(), Problem> {
        let Some(keys) = self.proxy_keys(now).await? else { return Ok(()) };
        let shown = headers.get(PROXY_KEY).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if is_one_of(&keys, shown) {
            return Ok(());
        }
        Err(Problem::new(Kind::Bypass, "call the edge by the name that the Web SDK is configured with"))
    }

    /// Lets pages of the datastream's origins in, and servers that hold its key.
    async fn admit(&self, site: &Site, call: &Call<'_>) -> Result<(), Problem> {
        let header = |name| call.request.headers().get(name).and_then(|value| value.to_str().ok());
        match call.route.caller {
            Caller::Browser => {
                if header(ORIGIN).is_some_and(|origin| site.datastream.origins.contains(origin)) {
                    return Ok(());
                }
                let detail = "the page's origin is not among the datastream's `origins`";
                Err(Problem::new(Kind::Origin, detail))
            }
            Caller::Server => {
                let token = header(AUTHORIZATION).and_then(bearer);
                if let (Some(secret), Some(token)) = (&site.datastream.server_key, token)
                    && is_one_of(&self.secret(secret, call.now).await?, token)
                {
                    return Ok(());
                }
                let detail =
                    "expected the key of the datastream's `server_key`, as `Authorization: Bearer <key>`";
                Err(Problem::new(Kind::Credentials, detail))
            }
        }
    }

    async fn answer(
        &self,
        sites: &Sites,
        call: &Call<'_>,
        opened: Opened<'_>,
        line: &mut Line,
    ) -> Result<Response<Bytes>, Problem> {
        let Opened { site, body, cookies, visitor, key, stored } = opened;
        let catalogue = &sites.in_force.catalogue;
        let mut reply = Reply::default();
        let mut happenings = Vec::with_capacity(body.events.len());
        for event in body.events {
            happenings.push(self.happening(event, site, catalogue, call, &mut reply).await?);
        }
        let arrival = Arrival {
            site,
            catalogue,
            sequence: sites.in_force.sequence,
            caller: call.route.caller,
            request_id: call.request_id,
            ecid: &visitor.cookie.ecid,
            session: session(&key),
            events: &happenings,
            consent: body.consent.as_ref(),
            cookie_consent: cookies.consent(&site.datastream),
            now: call.now,
        };
        let (visit, decided) = self.settle(&arrival, &key, &stored).await?;
        line.note(&arrival, &visit, reply.warnings.len(), decided.len());
        if visit.is_overtaken {
            reply.warnings.push(reply::warning(
                "overtaken",
                "Nothing is remembered of the request",
                "the events are kept, but too many requests changed the same visitor at once",
            ));
        }
        let may_keep = visit.may_collect || call.route.action == Action::SetConsent;
        let kept = self.cookies_to_keep(call, site, &cookies, &visitor, &visit, may_keep);
        let headers = call.request.headers();
        if let Some(domain) = shared_domain(&body.state, host(headers)) {
            reply.cookies = kept.iter().map(|cookie| cookie.to_header(domain)).collect();
        }
        if call.route.action == Action::Collect {
            return Ok(reply.into_empty());
        }
        if may_keep || visitor.origin == Origin::Cookie {
            reply.handles.push(Handle::identity(&visitor.cookie.ecid));
        }
        if !kept.is_empty() {
            reply.handles.push(Handle::state(&kept, is_secure(headers)));
        }
        if may_keep && !self.region.is_empty() {
            reply.handles.push(Handle::location(&self.region));
        }
        reply.handles.extend(visit.handles(&arrival, &decided));
        Ok(reply.into_response(call.request_id))
    }

    /// An event with what is told of it. A token that proves nothing is a warning: the page is served all the same, and
    /// nobody is logged in by it.
    async fn happening(
        &self,
        event: Event,
        site: &Site,
        catalogue: &Catalogue,
        call: &Call<'_>,
        reply: &mut Reply,
    ) -> Result<Happening, Problem> {
        let mut login = BTreeSet::new();
        if let (Some(token), Some(rule)) = (&event.token, &site.datastream.token) {
            let (keys, keyring) = (self.secret(&rule.secret, call.now).await?, self.keyring().await?);
            let useless = |error: NoKey| {
                self.secrets.complain(&rule.secret, &error, call.now);
                Refused::NoKey
            };
            let claims = Verifier::new(rule, &keys)
                .map_err(useless)
                .and_then(|verifier| verifier.verify(token, call.now));
            match claims.and_then(|claims| identities(catalogue, keyring, &claims)) {
                Ok(identities) => login = identities,
                Err(refused) => reply.warnings.push(reply::warning(
                    "token",
                    "The token proves no login",
                    &format!("`data.tributary.token` was not used: {refused}"),
                )),
            }
        }
        // A browser's event has just happened, whatever its clock says; a server may tell of earlier ones.
        let told = event.xdm.get("timestamp").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let at = match call.route.caller {
            Caller::Browser => call.now,
            Caller::Server => told.map_or(call.now, |told: Timestamp| told.min(call.now)),
        };
        Ok(Happening { fields: object_from_json(&event.xdm), event, at, login })
    }

    /// Decides, then writes what is to be remembered, keeps the events and asks Adobe Target, all at once. Where somebody
    /// else has written the visitor since it was read, it is decided anew on what they wrote.
    async fn settle(
        &self,
        arrival: &Arrival<'_>,
        key: &IdentityKey,
        stored: &StoredVisitor,
    ) -> Result<(Visit, Decided), Problem> {
        let visit = Visit::of(arrival, stored);
        let events = if visit.may_collect { received(arrival).map_err(unavailable)? } else { Vec::new() };
        let (decided, kept, written) = tokio::join!(
            self.ask_target(arrival, &visit),
            self.store.events.keep(&events),
            self.write(arrival, key, stored.version, visit.clone()),
        );
        kept.map_err(unavailable)?;
        Ok((written?, decided))
    }

    /// What Adobe Target decides for the first event that asks. Its silence is no failure: our own offers decide then.
    async fn ask_target(&self, arrival: &Arrival<'_>, visit: &Visit) -> Decided {
        let asking = arrival.events.iter().filter(|_| visit.may_collect).find_map(|happening| {
            let asked = happening.event.personalization.as_ref()?;
            Some((visit.question(&happening.event, arrival)?, asked))
        });
        let Some((question, asked)) = asking else { return Decided::new() };
        match self.target.ask(&question, asked).await {
            Ok(decided) => decided,
            Err(error) => {
                warn!(%error, datastream = %arrival.site.datastream.name, "Adobe Target has decided nothing.");
                Decided::new()
            }
        }
    }

    async fn write(
        &self,
        arrival: &Arrival<'_>,
        key: &IdentityKey,
        mut read: u64,
        mut visit: Visit,
    ) -> Result<Visit, Problem> {
        let visitors = &self.store.visitors;
        for attempt in 1..=ATTEMPTS {
            if !visit.is_written
                || visitors.put(key, &visit.after.visitor, read, arrival.now).await.map_err(unavailable)?
            {
                return Ok(visit);
            }
            sleep(pause(attempt)).await;
            let stored = visitors.get(key).await.map_err(unavailable)?;
            read = stored.version;
            visit = Visit::of(arrival, &stored);
        }
        warn!(datastream = %arrival.site.datastream.name, "A visitor is written by too many at once.");
        if arrival.events.is_empty() || !visit.may_collect {
            return Err(Problem::new(Kind::Unavailable, TRY_AGAIN));
        }
        // The events are kept already: who came again would have them kept twice.
        Ok(Visit { is_written: false, is_overtaken: true, ..visit })
    }

    fn cookies_to_keep(
        &self,
        call: &Call<'_>,
        site: &Site,
        cookies: &Cookies,
        visitor: &Recognised,
        visit: &Visit,
        may_keep: bool,
    ) -> Vec<Kept> {
        let datastream = &site.datastream;
        let mut kept = Vec::new();
        if may_keep && visitor.is_to_be_kept(call.now) {
            let value = visitor.cookie.encode(visitor.origin, &self.region, call.now);
            kept.push(Kept::new(Cookie::Identity, datastream, value));
        }
        let cluster = Cookie::Cluster.name(&datastream.organisation);
        if may_keep && !self.region.is_empty() && !cookies.values(&cluster).any(|hint| hint == self.region) {
            kept.push(Kept::new(Cookie::Cluster, datastream, self.region.clone()));
        }
        // The SDK asks this cookie alone whether it may send events.
        let is_asked = call.route.action == Action::SetConsent || !visit.may_collect;
        if let Some(consent) = visit.consent.as_ref().filter(|_| is_asked) {
            let value = if consent.collect { "general=in" } else { "general=out" };
            kept.push(Kept::new(Cookie::Consent, datastream, value.to_owned()));
        }
        kept
    }

    /// The keys of which the proxy in front has to show one, where there is a proxy.
    async fn proxy_keys(&self, now: Timestamp) -> Result<Option<Values>, Problem> {
        match &self.proxy {
            Some(secret) => self.secret(secret, now).await.map(Some),
            None => Ok(None),
        }
    }

    /// The values of a secret of the edge that are accepted now.
    async fn secret(&self, name: &str, now: Timestamp) -> Result<Values, Problem> {
        self.secrets.values(name, now, self.store.secrets.edge(name)).await.map_err(unavailable)
    }

    /// The deployment's keyring, read when it is needed first.
    async fn keyring(&self) -> Result<&Keyring, Problem> {
        self.keyring.get_or_try_init(|| self.store.keyring()).await.map_err(unavailable)
    }
}

/// A request's events as they are kept.
fn received(arrival: &Arrival<'_>) -> Result<Vec<Received>, serde_json::Error> {
    let happenings = arrival.events.iter().zip(0..);
    let received = happenings.map(|(happening, index)| {
        Ok(Received {
            v: FORMAT,
            datastream: arrival.site.datastream.name.clone(),
            request: arrival.request_id.to_owned(),
            index,
            at: happening.at,
            received: arrival.now,
            ecid: arrival.ecid.as_str().to_owned(),
            login: happening.login.clone(),
            event: RawValue::from_string(happening.event.text.clone())?,
        })
    });
    received.collect()
}

/// The identities that a token's claims hold. With one that cannot be one, none counts: whoever signed it meant another.
fn identities(
    catalogue: &Catalogue,
    keyring: &Keyring,
    claims: &[(NamespaceCode, String)],
) -> Result<BTreeSet<Identity>, Refused> {
    let identity = |(code, value): &(NamespaceCode, String)| {
        let namespace = catalogue.namespace(code)?;
        keyring.identity(namespace, value).ok()
    };
    claims.iter().map(|claim| identity(claim).ok_or(Refused::Identity)).collect()
}

/// The token of an `Authorization` header. The scheme's name is the same in any case (RFC 9110, 11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
}

/// How long is waited before the next decision: longer each time, and not as long as others wait.
fn pause(attempt: u32) -> Duration {
    let random = getrandom::u32().unwrap_or_default();
    Duration::from_millis((random % (attempt.saturating_mul(PAUSE) + 1)).into())
}

/// What names a visitor's session: of the key, which names nobody, the digits.
fn session(key: &IdentityKey) -> &str {
    key.as_str().rsplit(':').next().unwrap_or_default()
}

/// The host that was called, as far as it is known behind a proxy.
fn host(headers: &HeaderMap) -> &str {
    let host = headers.get(FORWARDED_HOST).or_else(|| headers.get(HOST));
    host.and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// Whether the page was loaded with TLS, or does not say.
fn is_secure(headers: &HeaderMap) -> bool {
    !headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"http://"))
}

/// A failure of what the edge rests on: it is logged here, and the caller comes again.
fn unavailable(error: impl std::fmt::Display) -> Problem {
    error!(%error, "A request could not be served.");
    Problem::new(Kind::Unavailable, TRY_AGAIN)
}
