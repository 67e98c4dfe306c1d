//! Where the story plays: the deployed template, and the stand-in for Facebook.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::deployed::{Deployed, copy};
use super::story::{AGENCY_FOLDER, ANSWERS};
use crate::process::{Server, free_port};
use crate::{functions, http, progress, workspace};

/// What the stand-in takes for a token of Meta's.
const TOKEN: &str = "demo-token";

/// Where the example's project lies in the checkout.
const EXAMPLE: &str = "examples/securfinancial";

/// Everything that runs, and how to reach it. It ends when this value is dropped.
pub struct Stage {
    /// The deployment.
    pub on: Deployed,
    /// The project, and the files that come and go.
    pub folder: PathBuf,
    /// How long anything is waited for.
    pub patience: Duration,
    graph_api: Server,
    graph_api_port: u16,
}

impl Stage {
    /// Starts the emulator and the stand-in, deploys, hands over the credentials, and lays the project out.
    pub fn set(rows: u64) -> Result<Self> {
        let on = Deployed::start(vec!["ScheduleExpression=rate(1 minute)".to_owned()])?;
        let (graph_api, graph_api_port) =
            progress::step("starting the stand-in for Facebook", start_graph_api)?;
        let folder = workspace::target().join("demo");
        let patience = Duration::from_secs(180 + rows / 20);
        let stage = Self { on, folder, patience, graph_api, graph_api_port };
        let secret = json!({ "access_token": TOKEN }).to_string();
        progress::step("handing over Facebook's credentials", || {
            stage.on.put_secret("destinations/facebook", &secret)
        })?;
        stage.lay_out_project()?;
        Ok(stage)
    }

    /// A place in the demo's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Puts a file into the inbox.
    pub fn upload(&self, file: &Path, key: &str) -> Result<()> {
        let inbox = format!("s3://{}/{key}", self.on.variable("TRIBUTARY_INBOX")?);
        self.on.aws(&["s3", "cp", "--only-show-errors", &file.display().to_string(), &inbox])?;
        Ok(())
    }

    /// Fetches what destinations have written, and answers where it lies now.
    pub fn exports(&self) -> Result<PathBuf> {
        let folder = self.path("exports");
        let exports = format!("s3://{}", self.on.variable("TRIBUTARY_EXPORTS")?);
        self.on.aws(&["s3", "sync", "--only-show-errors", &exports, &folder.display().to_string()])?;
        Ok(folder)
    }

    /// What the stand-in for Facebook answers at one of its windows.
    pub fn graph_api(&self, window: &str) -> Result<Value> {
        let path = format!("/_control{window}");
        http::get_json(self.graph_api_port, &path).context("the stand-in for Facebook does not answer")
    }

    /// Looks twice a second until there is something, as long as everything runs and patience lasts.
    pub fn wait<T>(
        &mut self,
        name: &str,
        total: u64,
        mut look: impl FnMut(&Self, &ProgressBar) -> Result<Option<T>>,
    ) -> Result<T> {
        progress::watch(name, total, |bar| {
            let started = Instant::now();
            while started.elapsed() < self.patience {
                if let Some(found) = look(self, bar)? {
                    return Ok(found);
                }
                self.check()?;
                thread::sleep(Duration::from_millis(500));
            }
            let (seconds, log) = (self.patience.as_secs(), self.on.log().display());
            bail!("{name}: at {} of {total} after {seconds} s; the emulator's log is `{log}`", bar.position())
        })
    }

    /// Leaves everything running, and says how to look around.
    pub fn keep(&mut self) -> Result<()> {
        self.on.print(&[
            "tributary batches".to_owned(),
            "tributary batch show 2".to_owned(),
            "tributary profile show --namespace Email --value bobby.bank@example.com".to_owned(),
            "tributary audiences".to_owned(),
            "tributary dataflow show prospects_to_email".to_owned(),
            "tributary runs".to_owned(),
            format!("$EDITOR {0}; tributary apply {0}", self.path("project").display()),
            "aws s3 ls --recursive s3://$TRIBUTARY_EXPORTS".to_owned(),
            format!(
                "aws s3 cp --recursive s3://$TRIBUTARY_EXPORTS/{AGENCY_FOLDER} {0}; head {0}/add/*",
                self.path("delivered").display()
            ),
            "aws s3 ls --recursive s3://$TRIBUTARY_DATA/quarantine/".to_owned(),
            format!(
                "aws s3 cp --recursive s3://$TRIBUTARY_DATA/quarantine/{ANSWERS} {0}; head -n 3 {0}/*/*",
                self.path("quarantine").display()
            ),
            format!("curl http://127.0.0.1:{}/_control", self.graph_api_port),
        ]);
        loop {
            self.check()?;
            thread::sleep(Duration::from_millis(500));
        }
    }

    fn check(&mut self) -> Result<()> {
        self.on.check()?;
        self.graph_api.check()
    }

    /// Copies the example, whose Facebook is the stand-in.
    fn lay_out_project(&self) -> Result<()> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        let project = self.path("project");
        copy(&workspace::root().join(EXAMPLE), &project)?;
        let facebook = project.join("destinations/facebook.yaml");
        let yaml = fs::read_to_string(&facebook)?;
        let (before, after) = yaml.split_once("config:\n").with_context(|| {
            format!("`{}` has no line `config:`, below which the stand-in's address goes", facebook.display())
        })?;
        let base_url = format!("  base_url: http://127.0.0.1:{}", self.graph_api_port);
        Ok(fs::write(&facebook, format!("{before}config:\n{base_url}\n{after}"))?)
    }
}

fn start_graph_api() -> Result<(Server, u16)> {
    let port = free_port()?;
    let mut command = Command::new(functions::stand_in());
    command.args(["--port", &port.to_string(), "--token", TOKEN]);
    let mut server = Server::spawn("graph-api", &mut command)?;
    server.wait_for(Duration::from_secs(10), || http::get_json(port, "/_control"))?;
    Ok((server, port))
}
