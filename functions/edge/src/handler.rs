//! Requests in, answers out.

use std::collections::BTreeSet;
use std::sync::Arc;

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
use crate::token::{NoKey, Verifier};
use crate::visit::{Arrival, Happening, Visit};

/// How often a request is decided where somebody else writes the same visitor at the same time.
const ATTEMPTS: usize = 5;

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
        let mut line = Line::begin();
        let response = match self.serve(request, &mut line).await {
            Ok(response) => response,
            Err(problem) => {
                line.problem = Some(problem.kind);
                let query = Query::of(request.uri()).ok();
                let request_id = query.and_then(|query| query.request_id).unwrap_or_default();
                reply::refusal(&problem, &request_id)
            }
        };
        line.end(response.status());
        reply::readable(response, request.headers())
    }

    async fn serve(&self, request: &Request, line: &mut Line) -> Result<Response<Bytes>, Problem> {
        let now = Timestamp::now();
        self.let_through(request.headers(), now).await?;
        let route = Route::of(request.uri().path())?;
        line.route = Some(route);
        if request.method() != Method::POST {
            return Err(Problem::new(Kind::Method, "expected `POST`"));
        }
        let call = Call { request, route, query: Query::of(request.uri())?, now };
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
                let token = header(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
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
        let request_id = call.query.request_id.clone().unwrap_or_else(|| Ulid::generate().to_string());
        let arrival = Arrival {
            site,
            catalogue,
            sequence: sites.in_force.sequence,
            caller: call.route.caller,
            request_id: &request_id,
            ecid: &visitor.cookie.ecid,
            session: session(&key),
            events: &happenings,
            consent: body.consent.as_ref(),
            cookie_consent: cookies.consent(&site.datastream),
            now: call.now,
        };
        let (visit, decided) = self.settle(&arrival, &key, &stored).await?;
        line.note(&arrival, &visit, reply.warnings.len(), decided.len());
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
        Ok(reply.into_response(&request_id))
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
        if let (Some(token), Some(rule)) = (event.token(), &site.datastream.token) {
            let keys = self.secret(&rule.secret, call.now).await?;
            let no_key =
                |error: NoKey| unavailable(format!("could not use secret `{}`: {error}", rule.secret));
            let verifier = Verifier::new(rule, &keys).map_err(no_key)?;
            match verifier.verify(token, call.now) {
                Ok(claims) => {
                    let keyring = self.keyring().await?;
                    let known = claims.iter().filter_map(|(code, id)| identity(catalogue, keyring, code, id));
                    login = known.collect();
                }
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
        for _ in 0..ATTEMPTS {
            if !visit.is_written
                || visitors.put(key, &visit.after.visitor, read, arrival.now).await.map_err(unavailable)?
            {
                return Ok(visit);
            }
            let stored = visitors.get(key).await.map_err(unavailable)?;
            read = stored.version;
            visit = Visit::of(arrival, &stored);
        }
        Err(unavailable("a visitor is written by too many at once"))
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
            event: without_token(&happening.event)?,
        })
    });
    received.collect()
}

/// An event as it came, without the token: whoever reads it could use it to be somebody else.
fn without_token(event: &Event) -> Result<Box<RawValue>, serde_json::Error> {
    if !event.data.contains_key("tributary") {
        return RawValue::from_string(event.text.clone());
    }
    let mut whole: Value = serde_json::from_str(&event.text)?;
    if let Some(tributary) = whole.pointer_mut("/data/tributary").and_then(Value::as_object_mut) {
        tributary.remove("token");
    }
    serde_json::value::to_raw_value(&whole)
}

fn identity(catalogue: &Catalogue, keyring: &Keyring, code: &NamespaceCode, value: &str) -> Option<Identity> {
    keyring.identity(catalogue.namespace(code)?, value).ok()
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
    Problem::new(Kind::Unavailable, "the edge cannot serve this now: try again")
}
