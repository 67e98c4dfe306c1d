//! Capacity units that calls consumed: what work costs, counted where it is paid.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::ConsumedCapacity;
use serde::{Deserialize, Serialize};

/// Read and write units of DynamoDB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Units {
    /// Read units.
    pub read: f64,
    /// Write units.
    pub write: f64,
}

impl Units {
    /// Both sums.
    pub fn plus(self, other: Units) -> Units {
        Units { read: self.read + other.read, write: self.write + other.write }
    }
}

/// Counts the units of one table's calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    // In halves, the least that DynamoDB counts.
    read: Arc<AtomicU64>,
    write: Arc<AtomicU64>,
}

impl Meter {
    pub(crate) fn read(&self, consumed: Option<&ConsumedCapacity>) {
        count(&self.read, consumed);
    }

    pub(crate) fn write(&self, consumed: Option<&ConsumedCapacity>) {
        count(&self.write, consumed);
    }

    /// What was counted since the last taking.
    pub(crate) fn take(&self) -> Units {
        let taken = |counter: &AtomicU64| {
            #[expect(clippy::cast_precision_loss, reason = "units of one process stay far below 2^53")]
            let halves = counter.swap(0, Ordering::Relaxed) as f64;
            halves / 2.0
        };
        Units { read: taken(&self.read), write: taken(&self.write) }
    }
}

fn count(counter: &AtomicU64, consumed: Option<&ConsumedCapacity>) {
    let units = consumed.and_then(ConsumedCapacity::capacity_units).unwrap_or_default();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "units of one call are small and positive"
    )]
    let halves = (units * 2.0).round() as u64;
    counter.fetch_add(halves, Ordering::Relaxed);
}
