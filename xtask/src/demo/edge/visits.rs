//! The visits, and what was seen of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anstream::println;
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::stage::Stage;
use crate::browser::Browser;
use crate::style::{BOLD, DIM, heading};
use crate::{process, progress, workspace};

/// What every page of the shop begins with.
pub const HERO: &str = "#hero";
/// Where the shop promotes something.
pub const PROMO: &str = "#promo";

/// What was seen after a step.
#[derive(Debug, Deserialize)]
pub struct Seen {
    /// Texts by selector.
    pub texts: BTreeMap<String, Option<String>>,
    /// Calls of the edge.
    pub calls: Vec<Call>,
    /// What the page, and the Web SDK in it, said to the console.
    pub console: Vec<Message>,
    /// Where the screenshot is.
    pub screenshot: Option<PathBuf>,
}

/// A call of the edge.
#[derive(Debug, Deserialize)]
pub struct Call {
    pub answer: Option<Value>,
}

/// A line in the console.
#[derive(Debug, Deserialize)]
pub struct Message {
    #[serde(rename = "type")]
    pub kind: String,
    pub text: String,
}

/// Both visitors' steps.
pub struct Visits {
    /// Whom the partner recognises as a recent mover: the first view, the same page again, and a click on the offer.
    pub mover: [Seen; 3],
    /// Whom the partner knows to live there for years.
    pub resident: Seen,
}

impl Visits {
    /// Has both come.
    pub fn play(stage: &Stage, browser: &Browser) -> Result<Self> {
        let screenshots = workspace::target().join("screenshots");
        fs::create_dir_all(&screenshots)?;
        let read = [HERO, PROMO];
        let page = |visitor: &str| format!("https://www.shop.test/?visitor={visitor}&alloy_debug=true");
        let steps = [
            json!({"visitor": "mover", "open": page("mover"), "read": read, "shoot": "mover"}),
            json!({"visitor": "mover", "reload": true, "read": read}),
            json!({"visitor": "mover", "click": "#coupon-button"}),
            json!({"visitor": "resident", "open": page("resident"), "read": read, "shoot": "resident"}),
        ];
        let file = stage.project.with_file_name("steps.jsonl");
        fs::write(&file, steps.map(|step| format!("{step}\n")).concat())?;
        let mut driver = browser.driver();
        driver.args(["--port", &stage.port.to_string(), "--screenshots"]).arg(screenshots).arg(file);
        let said =
            progress::step("a recent mover and a resident visit the shop", || process::output(&mut driver))?;
        let seen: Vec<Seen> = said
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("the driver says `{line}`")))
            .collect::<Result<_>>()?;
        let [first, again, click, resident] = <[Seen; 4]>::try_from(seen)
            .map_err(|seen| anyhow::anyhow!("the driver has told of {} steps, expected 4", seen.len()))?;
        Ok(Self { mover: [first, again, click], resident })
    }

    /// Shows what each of them saw.
    pub fn show(&self) {
        heading("What each visitor saw on their first page");
        let [mover, ..] = &self.mover;
        for (name, seen) in [("recent mover", mover), ("resident", &self.resident)] {
            println!("  {BOLD}{name}{BOLD:#}");
            for (what, selector) in [("greeting", HERO), ("promotion", PROMO)] {
                println!("    {what:<12}{}", seen.text(selector));
            }
            if let Some(screenshot) = &seen.screenshot {
                println!("    {:<12}{DIM}{}{DIM:#}", "screenshot", screenshot.display());
            }
        }
    }
}

impl Seen {
    /// A text, in one line.
    pub fn text(&self, selector: &str) -> String {
        let text = self.texts.get(selector).cloned().flatten().unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The ECID that the edge has answered with.
    pub fn ecid(&self) -> Option<&str> {
        let answers = self.calls.iter().filter_map(|call| call.answer.as_ref());
        let handles = answers.filter_map(|answer| answer.get("handle")?.as_array()).flatten();
        let mut ecids = handles
            .filter(|handle| handle.get("type").is_some_and(|kind| kind == "identity:result"))
            .filter_map(|handle| handle.pointer("/payload/0/id")?.as_str());
        ecids.next()
    }

    /// What the page complained of.
    pub fn complaints(&self) -> impl Iterator<Item = &str> {
        let loud = |message: &&Message| ["warning", "error"].contains(&message.kind.as_str());
        self.console.iter().filter(loud).map(|message| message.text.as_str())
    }
}
