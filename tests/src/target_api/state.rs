//! What the stand-in holds.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use hyper::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Settings;
use crate::stand_in::Call;

/// Parameters of a profile: name -> value.
pub type Parameters = BTreeMap<String, String>;

/// A file that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Batch {
    /// Its id.
    pub id: String,
    /// The names of its columns after the id.
    pub columns: Vec<String>,
    /// How many rows it has.
    pub rows: usize,
    /// How many cells of its rows are empty or missing: Target ignores those.
    pub empty_values: usize,
    /// How many rows updated a profile, once it is complete.
    pub successful: usize,
    /// Whether it is `complete`, `incomplete` or `stuck`.
    pub status: &'static str,
}

/// What is shown in a place of a page, to those whose profile says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The place.
    pub mbox: String,
    /// What the profile has to say, all of it. The first offer of a place that fits is shown.
    #[serde(default)]
    pub when: Parameters,
    /// What `content` is, as in `html` or `json`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is shown.
    pub content: Value,
}

/// What was reported of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notification {
    /// `display` or `click`.
    pub kind: String,
    /// The place, where one was named.
    pub mbox: Option<String>,
    /// The tokens of what was seen.
    pub tokens: Vec<String>,
}

/// What goes wrong with a coming call; each is used up by one call of the kind that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// A file or a delivery call is turned away before anything is done.
    ServerError {
        /// The status.
        status: u16,
    },
    /// A file is not taken: `success` is false.
    Refuse {
        /// What Target says.
        message: String,
    },
    /// A file is taken, and never worked off.
    Stuck,
    /// A file is taken at once and worked off later, or a delivery call is answered later.
    Slow {
        /// How much later.
        milliseconds: u64,
    },
    /// A look at the status of a batch fails.
    StatusError {
        /// The status.
        status: u16,
    },
    /// A file or a delivery call is taken, and its answer never comes.
    HangAfterProcessing,
    /// A file or a delivery call is taken, and the connection closes before the answer.
    CloseAfterProcessing,
}

/// Which calls there are, as far as faults tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Look,
    Delivery,
    Other,
}

impl Kind {
    pub(super) fn of(call: &Call) -> Kind {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match (&call.method, path.as_slice()) {
            (&Method::POST, ["m2", _, "v2", "profile", "batchUpdate"]) => Kind::File,
            (&Method::GET, ["m2", _, "profile", "batchStatus"]) => Kind::Look,
            (&Method::POST, ["rest", "v1", "delivery"]) => Kind::Delivery,
            _ => Kind::Other,
        }
    }
}

impl Fault {
    pub(super) fn is_about(&self, kind: Kind) -> bool {
        match self {
            Fault::Refuse { .. } | Fault::Stuck => kind == Kind::File,
            Fault::StatusError { .. } => kind == Kind::Look,
            Fault::ServerError { .. }
            | Fault::Slow { .. }
            | Fault::HangAfterProcessing
            | Fault::CloseAfterProcessing => matches!(kind, Kind::File | Kind::Delivery),
        }
    }
}

/// A file on its way.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) batch: Batch,
    /// Rows by third-party id, and those that cannot be anybody's as none.
    pub(super) rows: Vec<(Option<String>, Parameters)>,
    /// When it is worked off; never, where it is stuck.
    pub(super) due: Option<Instant>,
}

/// A profile: what page calls have taken over, and what the last file said since.
#[derive(Debug, Default)]
struct Profile {
    settled: Parameters,
    pending: Parameters,
}

/// Target, as the stand-in plays it.
#[derive(Debug)]
pub struct State {
    pub(super) settings: Settings,
    profiles: BTreeMap<String, Profile>,
    uploads: Vec<Upload>,
    profile_calls: VecDeque<Instant>,
    pub(super) offers: Vec<Offer>,
    pub(super) notifications: Vec<Notification>,
    pub(super) deliveries: Vec<Value>,
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            profiles: BTreeMap::new(),
            uploads: Vec::new(),
            profile_calls: VecDeque::new(),
            offers: Vec::new(),
            notifications: Vec::new(),
            deliveries: Vec::new(),
        }
    }

    /// Whether a call of the profile API is still within what a minute allows.
    pub(super) fn admits_profile_call(&mut self) -> bool {
        let now = Instant::now();
        while self
            .profile_calls
            .pop_front_if(|at| now.duration_since(*at) > Duration::from_secs(60))
            .is_some()
        {}
        self.profile_calls.push_back(now);
        self.profile_calls.len() <= self.settings.calls_per_minute
    }

    pub(super) fn take(&mut self, upload: Upload) {
        self.uploads.push(upload);
    }

    pub(super) fn next_batch_id(&self) -> String {
        format!("{}-1701473848678-{:08}", self.settings.client_code, self.uploads.len() + 1)
    }

    /// The batch of that id, as it is now.
    pub(super) fn batch(&mut self, id: &str) -> Option<Batch> {
        self.batches().into_iter().find(|batch| batch.id == id)
    }

    pub(super) fn batches(&mut self) -> Vec<Batch> {
        self.work_off();
        self.uploads.iter().map(|upload| upload.batch.clone()).collect()
    }

    pub(super) fn ids(&mut self) -> Vec<String> {
        self.work_off();
        self.profiles.keys().cloned().collect()
    }

    pub(super) fn profile(&mut self, id: &str) -> Option<Parameters> {
        self.work_off();
        let Profile { settled, pending } = self.profiles.get(id)?;
        Some(settled.iter().chain(pending).map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// What a delivery call finds: it takes over what the last file said, and adds what it says itself.
    pub(super) fn visit(&mut self, id: &str, said: &Parameters) -> Parameters {
        self.work_off();
        let Profile { settled, pending } = self.profiles.entry(id.to_owned()).or_default();
        settled.append(pending);
        settled.extend(said.clone());
        settled.clone()
    }

    /// Updates profiles by the files that are due.
    fn work_off(&mut self) {
        let now = Instant::now();
        for upload in &mut self.uploads {
            if upload.batch.status != "incomplete" || upload.due.is_none_or(|due| due > now) {
                continue;
            }
            upload.batch.status = "complete";
            for (id, values) in upload.rows.drain(..) {
                let Some(id) = id else { continue };
                upload.batch.successful += 1;
                if !values.is_empty() {
                    self.profiles.entry(id).or_default().pending = values;
                }
            }
        }
    }
}
