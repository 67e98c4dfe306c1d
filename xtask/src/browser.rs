//! A headless Chromium, what drives it, and the Web SDK that the pages in it load: from npm, by the Node of an environment of its own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::emulator::Environment;
use crate::venv::Venv;
use crate::{npm, process, progress, workspace};

/// How browsers are called where they are installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// What the driver needs, installed.
pub struct Browser {
    node: PathBuf,
    packages: PathBuf,
    chromium: PathBuf,
}

impl Browser {
    /// Installs what is missing. A Chromium of the machine's own is taken as it is: the variable `CHROMIUM` names one, or it is in PATH.
    pub fn ready() -> Result<Self> {
        let venv = Venv::browser()?;
        let node = npm::node(&venv)?;
        let _one_at_a_time = venv.lock()?;
        let packages = npm::packages("browser", "the Web SDK and a browser", &venv, &node)?;
        let chromium = match installed() {
            Some(chromium) => chromium,
            None => unpacked(&node, &packages)?,
        };
        Ok(Self { node, packages, chromium })
    }

    /// The variables by which the driver, and the tests that start it, find everything.
    pub fn environment(&self) -> Environment {
        [
            ("TRIBUTARY_TEST_NODE", &self.node),
            ("TRIBUTARY_TEST_PACKAGES", &self.packages),
            ("CHROMIUM", &self.chromium),
        ]
        .map(|(name, path)| (name.to_owned(), path.display().to_string()))
        .into()
    }

    /// The driver, which plays the steps that it is given.
    pub fn driver(&self) -> Command {
        let mut driver = Command::new(&self.node);
        driver.arg(workspace::root().join("tests/browser/play.mjs")).envs(self.environment());
        driver
    }

    /// Adobe's Web SDK, as its package has it.
    pub fn web_sdk(&self) -> PathBuf {
        self.packages.join("node_modules/@adobe/alloy/dist/alloy.min.js")
    }

    /// The machine's own Chromium, which has windows: npm's has none.
    pub fn with_windows(&self) -> Option<&Path> {
        (!self.chromium.starts_with(&self.packages)).then_some(&self.chromium)
    }
}

/// The machine's own Chromium, if it has one.
fn installed() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM").filter(|named| !named.is_empty()) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let places = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}

/// The Chromium that npm's package carries, with its libraries and a font, so that it needs nothing of the machine.
fn unpacked(node: &Path, packages: &Path) -> Result<PathBuf> {
    let (folder, draft) = (packages.join("chromium"), packages.join("chromium.draft"));
    let starter = folder.join("start");
    if starter.exists() {
        return Ok(starter);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "there is no `chromium` in PATH, and npm has none for this kind of machine: install one \
             (Debian: `apt-get install chromium`), or name one in the variable `CHROMIUM`"
        );
    }
    progress::step("unpacking Chromium (first run only)", || {
        if draft.exists() {
            fs::remove_dir_all(&draft)?;
        }
        fs::create_dir_all(&draft)?;
        let mut unpack = Command::new(node);
        // The package unpacks to wherever temporary files go.
        unpack.args(["--input-type=module", "--eval", UNPACK]).current_dir(packages).env("TMPDIR", &draft);
        process::run(&mut unpack)?;
        let place = folder.display();
        fs::write(draft.join("fonts.conf"), FONTS.replace("PLACE", &place.to_string()))?;
        let start = START.replace("PLACE", &place.to_string());
        fs::write(draft.join("start"), start)?;
        fs::set_permissions(draft.join("start"), Permissions::from_mode(0o755))?;
        Ok(fs::rename(&draft, &folder)?)
    })?;
    Ok(starter)
}

/// Unpacks the browser, and the libraries that slim machines lack.
const UNPACK: &str = "
import chromium, { inflate } from '@sparticuz/chromium';
await chromium.executablePath();
await inflate('node_modules/@sparticuz/chromium/bin/al2023.tar.br');
";

const START: &str = "#!/bin/sh
export LD_LIBRARY_PATH='PLACE/al2023/lib' FONTCONFIG_FILE='PLACE/fonts.conf'
exec 'PLACE/chromium' \"$@\"
";

const FONTS: &str = "<?xml version=\"1.0\"?>
<!DOCTYPE fontconfig SYSTEM \"fonts.dtd\">
<fontconfig><dir>PLACE/fonts</dir><cachedir>PLACE/fonts-cache</cachedir></fontconfig>
";
