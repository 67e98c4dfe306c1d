//! Where the visits happen: the deployed template, and the shop before it.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anstream::println;
use anyhow::{Result, bail};

use super::super::deployed::{Deployed, copy};
use crate::browser::Browser;
use crate::process::{Server, free_port};
use crate::style::{DIM, heading};
use crate::{functions, progress, workspace};

/// Where the example's project lies in the checkout, with the pages of its shop.
const EXAMPLE: &str = "examples/home-improvement";

/// The key by which the shop proves who has signed in.
const SIGN_IN_KEY: &str = "demo-key-of-the-shop-with-32-bytes";

/// The key that the shop's own servers show.
const SERVER_KEY: &str = "demo-key-of-the-shop-servers";

/// What a page sends that asks for the offers of a scope.
const ASKING: &str = r#"{"events":[{"query":{"personalization":{"decisionScopes":["home-promo"]}}}]}"#;

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Everything that runs. It ends when this value is dropped.
pub struct Stage {
    /// The deployment.
    pub on: Deployed,
    /// The project.
    pub project: PathBuf,
    /// The port to which a browser maps the shop's names.
    pub port: u16,
    shop: Server,
}

impl Stage {
    /// Starts the emulator, deploys, hands over the shop's keys, lays the project out and opens the shop.
    pub fn set(browser: &Browser) -> Result<Self> {
        let on = Deployed::start(vec!["EdgeAccess=url".to_owned()])?;
        progress::step("handing over the keys of the shop's sign-in and of its servers", || {
            on.put_secret("edge/shop-login", SIGN_IN_KEY)?;
            on.put_secret("edge/shop-server", SERVER_KEY)
        })?;
        let project = workspace::target().join("demo-edge/project");
        if project.exists() {
            fs::remove_dir_all(&project)?;
        }
        copy(&workspace::root().join(EXAMPLE), &project)?;
        let (shop, port) = progress::step("opening the shop", || open_shop(&on, browser))?;
        Ok(Self { on, project, port, shop })
    }

    /// Brings the project into force.
    pub fn apply(&self) -> Result<()> {
        self.on.apply(&self.project)
    }

    /// Looks twice a second until there is something, as long as everything runs and patience lasts.
    pub fn wait<T>(&mut self, name: &str, mut look: impl FnMut(&Self) -> Result<Option<T>>) -> Result<T> {
        progress::step(name, || {
            let started = Instant::now();
            while started.elapsed() < PATIENCE {
                if let Some(found) = look(self)? {
                    return Ok(found);
                }
                self.check()?;
                thread::sleep(Duration::from_millis(500));
            }
            let (seconds, log) = (PATIENCE.as_secs(), self.on.log().display());
            bail!("{name}: not after {seconds} s; the emulator's log is `{log}`")
        })
    }

    /// Leaves everything running, and says how to visit the shop.
    pub fn keep(&mut self, browser: &Browser) -> Result<()> {
        heading(
            "Visit the shop: Chromium has to be told where its names are, and that the certificate is good enough",
        );
        println!(
            "{} --user-data-dir=\"$(mktemp -d)\" --ignore-certificate-errors --host-resolver-rules='MAP *.test 127.0.0.1:{}' \
             'https://www.shop.test/?visitor=mover'",
            browser.with_windows().unwrap_or("chromium".as_ref()).display(),
            self.port
        );
        println!(
            "{DIM}# `?visitor=resident` is somebody else, `?visitor=nobody` a stranger; add `&alloy_debug=true` to see the Web SDK at work{DIM:#}"
        );
        println!("{DIM}# `ada` and `ben` have accounts, with the password `workbench`{DIM:#}");
        let project = self.project.display();
        self.on.print(&[
            "tributary offers".to_owned(),
            "# the edge without a browser".to_owned(),
            format!(
                "curl -s \"$AWS_ENDPOINT_URL/ee/v1/interact?configId=shop_web\" -H \"Host: $TRIBUTARY_EDGE_HOST\" \
                 -H 'Origin: https://www.shop.test' -d '{ASKING}'"
            ),
            format!("# change the project that is in force, in {project}, and then"),
            format!("tributary apply {project}"),
        ]);
        loop {
            self.check()?;
            thread::sleep(Duration::from_millis(500));
        }
    }

    fn check(&mut self) -> Result<()> {
        self.on.check()?;
        self.shop.check()
    }
}

fn open_shop(on: &Deployed, browser: &Browser) -> Result<(Server, u16)> {
    let port = free_port()?;
    let mut command = Command::new(functions::shop());
    command
        .args(["--port", &port.to_string(), "--sign-in-key", SIGN_IN_KEY])
        .args(["--function", on.variable("AWS_ENDPOINT_URL")?])
        .args(["--function-host", on.variable("TRIBUTARY_EDGE_HOST")?])
        .arg("--pages")
        .arg(workspace::root().join(EXAMPLE).join("site"))
        .arg("--web-sdk")
        .arg(browser.web_sdk());
    let mut shop = Server::spawn("shop", &mut command)?;
    shop.wait_for(Duration::from_secs(10), || TcpStream::connect(("127.0.0.1", port)).ok())?;
    Ok((shop, port))
}
