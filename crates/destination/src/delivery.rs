//! The trait that a plugin implements, and the words of its calls.

use async_trait::async_trait;
use domain::delivery::Operation;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Descriptor, DestinationError, Encoded, Record, Rejection, Source};

/// A place that audiences are sent to, configured and ready.
#[async_trait]
pub trait Destination: Send + Sync {
    /// What the plugin says of itself.
    fn descriptor(&self) -> &'static Descriptor;

    /// Turns mapped source values into the cells exactly as they will be sent.
    ///
    /// Pure: the same source gives the same cells, and cells that are encoded again stay as they are. A value that
    /// cannot be used empties its cell and is reported; a source that leaves no cell is rejected.
    fn encode(&self, source: &Source) -> Result<Encoded, Rejection>;

    /// Makes sure that the audience exists at the vendor, and says by which id. Called before every run: it looks the
    /// audience up by the id it is known by, and creates one only if it never had one.
    async fn ensure_audience(&self, audience: &AudienceSpec) -> Result<AudienceRef, DestinationError>;

    /// Whether nothing is left of what was sent of a person once what is wanted has been added.
    ///
    /// Pure. By default nothing overwrites anything, as where a vendor matches by hashes: what was sent is removed, then
    /// what is wanted is added. Where the vendor keeps values under an id of its own, an addition alone may do.
    fn overwrites(&self, _sent: &Record, _wanted: &Record) -> bool {
        false
    }

    /// Makes one vendor request.
    async fn deliver(&self, request: &Request<'_>) -> Result<Delivery, DestinationError>;

    /// Asks how far the vendor is with a request that it accepted, by its [`Delivery::receipt`]. Only destinations that
    /// give receipts are asked.
    async fn look(&self, _receipt: &str) -> Result<Progress, DestinationError> {
        Ok(Progress::Stuck)
    }
}

/// The audience that a dataflow activates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudienceSpec {
    /// The name that people see at the vendor; unique within a destination.
    pub name: String,
    /// What it is, for people at the vendor.
    pub description: String,
    /// The id that [`Destination::ensure_audience`] answered the first time.
    pub known_id: Option<String>,
}

/// An audience as the vendor names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudienceRef {
    /// The vendor's id: keep it, and hand it back as [`AudienceSpec::known_id`].
    pub id: String,
}

/// One vendor request: one operation on one audience, at most [`Descriptor::max_records`] records.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The audience, ensured before.
    pub audience: &'a AudienceRef,
    /// What to do.
    pub operation: Operation,
    /// The id of this attempt: no two calls share one. Letters, digits, `-` and `_`.
    pub attempt: &'a str,
    /// When the attempt began.
    pub at: Timestamp,
    /// Whom it is about.
    pub records: &'a [Record],
}

impl Request<'_> {
    /// What it does, as errors and paths name it: `add` or `remove`.
    pub fn verb(&self) -> &'static str {
        match self.operation {
            Operation::Add => "add",
            Operation::Remove => "remove",
        }
    }

    /// Refuses more records than the vendor takes, before anything is sent.
    pub fn check_size(&self, descriptor: &Descriptor) -> Result<(), DestinationError> {
        if self.records.len() <= descriptor.max_records {
            return Ok(());
        }
        let message = format!(
            "{} records in one request, expected at most {}: split them",
            self.records.len(),
            descriptor.max_records
        );
        Err(DestinationError::new(crate::ErrorKind::Rejected, self.verb(), message))
    }
}

/// What the vendor answered to a request that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// One outcome per record, in the request's order.
    pub outcomes: Vec<RecordOutcome>,
    /// Records that the vendor says it refused without saying which. They stand as delivered in `outcomes`.
    pub unattributed: usize,
    /// Records that the vendor accepted, and had not said to be done with when the time of the call was over. They
    /// stand as delivered in `outcomes`: sending them again would only make it begin anew.
    pub unconfirmed: usize,
    /// By what the vendor can be asked later how far it is ([`Destination::look`]): those records are delivered once it
    /// is done. Nothing personal and no credentials. Without a receipt they are delivered as they are accepted.
    pub receipt: Option<String>,
}

/// How far a vendor is with a request that it accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is done.
    Done {
        /// How many records it refused, without saying which.
        refused: usize,
    },
    /// It is not done yet, or does not say.
    Open,
    /// It will not be done, or nobody can tell: part of it may be. The request is made again where that does no harm.
    Stuck,
}

impl Delivery {
    /// Every record arrived.
    pub fn complete(records: usize) -> Self {
        let outcomes = vec![RecordOutcome::Delivered; records];
        Self { outcomes, unattributed: 0, unconfirmed: 0, receipt: None }
    }

    /// Every record was accepted, and none is confirmed.
    pub fn accepted(records: usize, receipt: Option<String>) -> Self {
        Self { unconfirmed: records, receipt, ..Self::complete(records) }
    }
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordOutcome {
    /// The vendor took it.
    Delivered,
    /// The vendor took the request, but not this record.
    Rejected {
        /// A stable code to count by.
        code: &'static str,
        /// What the vendor says. Never personal data.
        reason: String,
    },
}
