//! A headless Chromium with Adobe's Web SDK in its pages, and what is seen in it.
//!
//! `tests/browser/play.mjs` drives it. Where Chromium and the driver's packages are, the environment says, as `cargo xtask
//! test` sets it.
#![expect(clippy::expect_used, clippy::panic, reason = "what cannot be set up fails its test")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::shop::Shop;

/// A browser, in which every visitor has cookies and storage of their own. It closes when this is dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    steps: Option<ChildStdin>,
    seen: Lines<BufReader<ChildStdout>>,
}

impl Browser {
    /// Opens it; the names of a shop lead to that shop.
    ///
    /// # Panics
    /// Where the driver cannot be started.
    pub fn open(shop: &Shop) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("../target"), |target| root.join("..").join(target));
        let screenshots = target.join("screenshots");
        std::fs::create_dir_all(&screenshots).expect("a folder is made");
        let mut driver = Command::new(variable("TRIBUTARY_TEST_NODE"))
            .arg(root.join("browser/play.mjs"))
            .args(["--port", &shop.port().to_string(), "--screenshots"])
            .arg(screenshots)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("TRIBUTARY_TEST_NODE is Node");
        let seen = BufReader::new(driver.stdout.take().expect("it is piped")).lines();
        Self { steps: driver.stdin.take(), driver, seen }
    }

    /// Does a step, as `tests/browser/play.mjs` describes them, and waits until the page has come to rest.
    ///
    /// # Panics
    /// Where it cannot be done.
    pub fn play(&mut self, step: &Value) -> Seen {
        let steps = self.steps.as_mut().expect("the browser is open");
        writeln!(steps, "{step}").and_then(|()| steps.flush()).expect("the driver reads");
        let line = self.seen.next().and_then(Result::ok);
        let line = line.unwrap_or_else(|| panic!("the driver has given up at {step}: what it said is above"));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("the driver says {line}: {error}"))
    }

    /// A visitor opens a page of the shop, and looks at some places of it.
    pub fn visit(&mut self, visitor: &str, page: &str, read: &[&str]) -> Seen {
        let page = format!("https://{}{page}", crate::shop::SITE);
        self.play(&json!({"visitor": visitor, "open": page, "read": read}))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without steps to come, the driver closes the browser and ends.
        drop(self.steps.take());
        self.driver.wait().ok();
    }
}

/// What was seen in a step.
#[derive(Debug, Clone, Deserialize)]
pub struct Seen {
    /// Where the visitor is now.
    pub url: String,
    /// Whether the page view was told and answered: `ready`, or `failed`.
    pub experience: String,
    /// Texts by the selectors that were asked for, without a text where there is no such element.
    pub texts: BTreeMap<String, Option<String>>,
    /// The cookies of the visitor.
    pub cookies: Vec<Cookie>,
    /// The calls of the edge since the step before.
    pub calls: Vec<Call>,
    /// What the page said to the console since then.
    pub console: Vec<Message>,
    /// Where the screenshot is, if one was asked for.
    #[serde(default)]
    pub screenshot: Option<PathBuf>,
}

/// A cookie.
#[derive(Debug, Clone, Deserialize)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The domain that it is sent to.
    pub domain: String,
}

/// A call of the edge.
#[derive(Debug, Clone, Deserialize)]
pub struct Call {
    /// The host that was called.
    pub host: String,
    /// The path that was called.
    pub path: String,
    /// What was asked for: `interact`, `collect`, `identity/acquire` or `privacy/set-consent`.
    pub action: String,
    /// What was sent. Chromium does not tell what a beacon carries.
    pub sent: Value,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// The answer.
    pub answer: Value,
}

/// A line in the console.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// Its level: `info`, `warning`, `error` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it says.
    pub text: String,
}

impl Seen {
    /// A text, in one line; an empty one where there is nothing.
    pub fn text(&self, selector: &str) -> String {
        let text = self.texts.get(selector).cloned().flatten().unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The payloads of a kind that answers of this step had.
    pub fn handles(&self, kind: &str) -> Vec<&Value> {
        let handles = self.calls.iter().filter_map(|call| call.answer.get("handle")?.as_array()).flatten();
        let of_kind = handles.filter(|handle| handle.get("type").is_some_and(|each| each == kind));
        of_kind.filter_map(|handle| handle.get("payload")?.as_array()).flatten().collect()
    }

    /// The visitor's ECID, as the edge answers it.
    ///
    /// # Panics
    /// Where no answer of this step had one, or they had different ones.
    pub fn ecid(&self) -> String {
        let mut ecids: Vec<&str> = self
            .handles("identity:result")
            .into_iter()
            .filter(|identity| identity.pointer("/namespace/code").is_some_and(|code| code == "ECID"))
            .filter_map(|identity| identity.get("id")?.as_str())
            .collect();
        ecids.dedup();
        let [ecid] = ecids[..] else { panic!("expected one ECID, found {}: {:?}", ecids.len(), self.calls) };
        ecid.to_owned()
    }

    /// The types of the events that went out.
    pub fn events(&self) -> Vec<&str> {
        let events = self.calls.iter().filter_map(|call| call.sent.get("events")?.as_array()).flatten();
        events.filter_map(|event| event.pointer("/xdm/eventType")?.as_str()).collect()
    }

    /// The value of a cookie.
    pub fn cookie(&self, ending: &str) -> Option<&Cookie> {
        self.cookies.iter().find(|cookie| cookie.name.starts_with("kndctr_") && cookie.name.ends_with(ending))
    }

    /// What the page, or the Web SDK in it, complained of.
    pub fn complaints(&self) -> Vec<&str> {
        let loud = |message: &&Message| ["warning", "error"].contains(&message.kind.as_str());
        self.console.iter().filter(loud).map(|message| message.text.as_str()).collect()
    }
}

/// A variable that `cargo xtask test` sets.
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
}

/// The file of Adobe's Web SDK.
pub fn web_sdk() -> PathBuf {
    Path::new(&variable("TRIBUTARY_TEST_PACKAGES")).join("node_modules/@adobe/alloy/dist/alloy.min.js")
}
