//! The example projects that the repository ships, in copies that a test may edit, and rows of their files.
#![expect(clippy::expect_used, reason = "what cannot be set up fails its test")]

use std::path::Path;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// The bank's own dataset.
pub const OWN: &str = "crm_customers";

/// The partner's dataset.
pub const PARTNER: &str = "northlight_enrichment";

/// The dataflow of prospects to Facebook.
pub const FACEBOOK: &str = "prospects_to_facebook";

/// The dataflow that contract and policies refuse.
pub const REFUSED: &str = "prospects_to_email";

const CUSTOMER_HEADER: &str = "crm_id,email,phone,first_name,last_name,has_financial_advisor,account_opened,account_balance,tier,updated_at\n";

const ANSWER_HEADER: &str = "email,northlight_id,net_worth_band,recent_mortgage_likelihood,home_ownership\n";

/// A row of the bank's own file.
pub const BOBBY: &str =
    "C-1,bobby.bank@example.com,,Bobby,Bank,false,2019-05-01,1000.5,plus,2026-01-01T00:00:00Z";

/// What the partner says of Bobby, by which he is in the audience.
pub const BOBBYS_ANSWER: &str = "bobby.bank@example.com,N-1,over_1m,0.9,owner";

/// A file of the bank's own.
pub fn customers(rows: &[&str]) -> String {
    format!("{CUSTOMER_HEADER}{}\n", rows.join("\n"))
}

/// A partner's answer.
pub fn answer(rows: &[&str]) -> String {
    format!("{ANSWER_HEADER}{}\n", rows.join("\n"))
}

/// The key of the partner's answer of a day.
pub fn answer_of(day: &str) -> String {
    format!("partners/northlight/answer-{day}.csv")
}

/// An e-mail address as it leaves.
pub fn digest(email: &str) -> String {
    hex::encode(Sha256::digest(email.as_bytes()))
}

/// A copy of the example project, which goes away with this value.
#[derive(Debug)]
pub struct Example {
    folder: TempDir,
}

impl Example {
    /// Copies it.
    ///
    /// # Panics
    /// Where it cannot be copied.
    pub fn copy() -> Example {
        Example::of("securfinancial")
    }

    /// Copies the project of the shop whose pages are personal.
    ///
    /// # Panics
    /// Where it cannot be copied.
    pub fn shop() -> Example {
        Example::of("home-improvement")
    }

    fn of(name: &str) -> Example {
        let folder = tempfile::tempdir().expect("a folder is made");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name), folder.path());
        Example { folder }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces a text in a file of the project.
    ///
    /// # Panics
    /// Where the file does not hold it: the edit would test nothing.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = std::fs::read_to_string(&path).expect("the file is there");
        assert!(text.contains(from), "{file} does not hold `{from}`");
        std::fs::write(path, text.replace(from, to)).expect("the file is written");
    }

    /// Points the project's Facebook at a stand-in.
    ///
    /// # Panics
    /// Where the example's destination is not as expected.
    pub fn point_facebook_at(&self, base_url: &str) {
        let setting = format!("  ad_account: act_1234567890\n  base_url: {base_url}\n");
        self.edit("destinations/facebook.yaml", "  ad_account: act_1234567890\n", &setting);
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("the example is there").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).expect("a folder is made");
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file is copied");
        }
    }
}
