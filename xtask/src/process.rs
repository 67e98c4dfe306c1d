//! Child processes that end when their owner does, with all that they started and left behind: on drop, and on Ctrl-C.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::workspace;

/// How long a process may take to end in good order.
const PATIENCE: Duration = Duration::from_secs(5);

/// What runs in the background now: what is left to end when the program is interrupted.
static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());

/// A process in a group of its own, so that Ctrl-C reaches it through its owner only.
struct Running {
    id: u32,
    /// A folder that goes when it ends.
    scratch: Option<PathBuf>,
}

/// A server in the background.
pub struct Server {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server. Its output goes to a file; what it puts into the folder for temporary files goes when it ends.
    pub fn spawn(name: &str, command: &mut Command) -> Result<Self> {
        let log = workspace::target().join("emulators").join(format!("{name}-{}.log", std::process::id()));
        let scratch = log.with_extension("tmp");
        fs::create_dir_all(&scratch)?;
        let output = File::create(&log)?;
        command.env("TMPDIR", &scratch).stdout(output.try_clone()?).stderr(output);
        Ok(Self { name: name.to_owned(), child: start(command, Some(scratch))?, log })
    }

    /// Waits until `ready` answers something, or the server dies, or the time is up.
    pub fn wait_for<T>(&mut self, limit: Duration, ready: impl Fn() -> Option<T>) -> Result<T> {
        let started = Instant::now();
        while started.elapsed() < limit {
            if let Some(answer) = ready() {
                return Ok(answer);
            }
            self.check()?;
            thread::sleep(Duration::from_millis(100));
        }
        bail!("{} is not ready after {} s; its log is `{}`", self.name, limit.as_secs(), self.log.display())
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Fails if the server has ended, with the end of its log.
    pub fn check(&mut self) -> Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let tail: Vec<_> = log.lines().rev().take(15).collect();
        let tail: Vec<_> = tail.into_iter().rev().collect();
        bail!(
            "{} ended early ({status}); `{}` closes with:\n{}",
            self.name,
            self.log.display(),
            tail.join("\n")
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.child.id();
        end(id);
        // Reaps it; it is gone already.
        let _ = self.child.wait();
        forget(id);
    }
}

/// Ends all that runs on Ctrl-C, SIGTERM and SIGHUP, then the program.
pub fn end_all_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        // The lock is kept: nothing new may start from here on.
        if let Ok(running) = RUNNING.lock() {
            for running in running.iter() {
                end(running.id);
                clear(running);
            }
            std::process::exit(130);
        }
    })?;
    Ok(())
}

/// Starts a process in the background.
fn start(command: &mut Command, scratch: Option<PathBuf>) -> Result<Child> {
    // Held while starting, so that an interrupt cannot fall between start and registration.
    let mut running = RUNNING.lock().map_err(|_| anyhow!("the list of what runs is lost"))?;
    let child = command.process_group(0).stdin(Stdio::null()).spawn();
    let child = child.with_context(|| format!("cannot run `{}`", command.get_program().display()))?;
    running.push(Running { id: child.id(), scratch });
    Ok(child)
}

/// Takes a process that has ended from the list.
fn forget(id: u32) {
    if let Ok(mut running) = RUNNING.lock() {
        running.extract_if(.., |running| running.id == id).for_each(|running| clear(&running));
    }
}

fn clear(running: &Running) {
    if let Some(scratch) = &running.scratch {
        // What cannot be removed lies in a folder that is there to be removed.
        let _ = fs::remove_dir_all(scratch);
    }
}

/// Asks a process's group to end, waits, then kills what is left, also what has moved to a group of its own (as LocalStack's Java does).
fn end(id: u32) {
    let family = family(id);
    signal_group(id, Signal::TERM);
    let started = Instant::now();
    while started.elapsed() < PATIENCE && family.iter().any(|id| is_alive(*id)) {
        thread::sleep(Duration::from_millis(50));
    }
    signal_group(id, Signal::KILL);
    for id in family {
        if let Some(pid) = pid(id) {
            // An error says that it is gone, which is what is wanted.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn signal_group(id: u32, signal: Signal) {
    if let Some(pid) = pid(id) {
        // An error says that nothing is left of it.
        let _ = kill_process_group(pid, signal);
    }
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

/// A process and all that descend from it.
fn family(id: u32) -> Vec<u32> {
    let parents: HashMap<u32, u32> = processes().map(|process| (process.id, process.parent)).collect();
    let descends = |mut child: u32| {
        while let Some(parent) = parents.get(&child) {
            if *parent == id {
                return true;
            }
            child = *parent;
        }
        false
    };
    parents.keys().copied().filter(|child| descends(*child)).chain([id]).collect()
}

fn is_alive(id: u32) -> bool {
    processes().any(|process| process.id == id && !process.is_zombie)
}

struct Process {
    id: u32,
    parent: u32,
    is_zombie: bool,
}

/// All processes of the machine, as `ps` tells, or Linux itself where `ps` is missing (as in slim images).
fn processes() -> impl Iterator<Item = Process> {
    let table = match fs::read_dir("/proc") {
        Ok(entries) => entries
            .flatten()
            .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
            // `12 (any name) S 1 ...`: the name may hold anything, so it is cut out from its last bracket.
            .filter_map(|stat| Some(format!("{} {}", stat.split_once(" (")?.0, stat.rsplit_once(") ")?.1)))
            .map(|stat| stat.split(' ').take(3).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
            .join("\n"),
        Err(_) => output(Command::new("ps").args(["-Ao", "pid=,state=,ppid="])).unwrap_or_default(),
    };
    table
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let id = words.next()?.parse().ok()?;
            let is_zombie = words.next()?.starts_with('Z');
            Some(Process { id, parent: words.next()?.parse().ok()?, is_zombie })
        })
        .collect::<Vec<_>>()
        .into_iter()
}

/// Runs a command to its end; what it says is shown only if it fails.
pub fn run(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// Runs a command to its end and answers what it wrote to stdout.
pub fn output(command: &mut Command) -> Result<String> {
    let child = start(command.stdout(Stdio::piped()).stderr(Stdio::piped()), None)?;
    let id = child.id();
    let done = child.wait_with_output();
    forget(id);
    let done = done?;
    let stdout = String::from_utf8_lossy(&done.stdout).into_owned();
    if !done.status.success() {
        let stderr = String::from_utf8_lossy(&done.stderr);
        bail!("`{}` failed ({}):\n{}{}", words(command), done.status, stdout, stderr.trim_end());
    }
    Ok(stdout)
}

/// Runs a command to its end in the foreground, its output in full view.
pub fn show(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run `{}`", words(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", words(command));
    }
    Ok(())
}

/// A command as a person would type it.
pub fn words(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let words: Vec<_> =
        [name].into_iter().chain(command.get_args()).map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

/// The search path with one folder put first.
pub fn path_with(first: &Path) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [first.to_owned()].into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or(path)
}

/// A port of the loopback interface that nothing listens on.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_takes_all_that_it_started_with_it() {
        // The shell's child ignores the polite signal, as a busy Java may.
        let mut shell = Command::new("sh");
        let mut server =
            Server::spawn("family", shell.args(["-c", "(trap '' TERM; while :; do sleep 1; done) & wait"]))
                .unwrap();
        let id = server.child.id();
        let members =
            server.wait_for(PATIENCE, || Some(family(id)).filter(|members| members.len() > 1)).unwrap();
        drop(server);
        assert!(!members.into_iter().any(is_alive));
    }

    #[test]
    fn a_server_that_ends_early_is_told_with_its_last_words() {
        let mut shell = Command::new("sh");
        let mut server = Server::spawn("hasty", shell.args(["-c", "echo no such port; exit 3"])).unwrap();
        let error = server.wait_for(PATIENCE, || None::<()>).unwrap_err().to_string();
        assert!(
            error.contains("hasty ended early (exit status: 3)") && error.contains("no such port"),
            "{error}"
        );
    }
}
