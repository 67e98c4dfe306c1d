//! Functions as what runs them sees them: processes, and triggers.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Deployed, aws, eventually};

/// How long processes run between two looks at what they do.
const GLIMPSE: Duration = Duration::from_millis(10);

/// A trigger that is switched off: what is sent to its queue stays there.
#[derive(Debug)]
pub struct Held<'a> {
    mapping: String,
    queue: &'a str,
    sqs: aws_sdk_sqs::Client,
}

impl Deployed {
    /// Kills the processes that run a function, as the template names it, on the spot: nothing of them is ended in good
    /// order. Answers how many there were. It works where functions run as processes of this machine.
    ///
    /// # Panics
    /// Where processes cannot be killed.
    pub fn kill(&self, function: &str) -> usize {
        let ids = self.processes(function);
        signal("-KILL", &ids);
        ids.len()
    }

    /// Kills the processes that run a function in the moment in which `look` says so, however short it is. They stand still
    /// while it looks, so that what it saw is still true when they die.
    ///
    /// # Panics
    /// Where the moment does not come, or processes cannot be killed.
    pub async fn kill_when(
        &self,
        function: &str,
        what: &str,
        within: Duration,
        look: impl AsyncFn() -> bool,
    ) {
        let began = Instant::now();
        while began.elapsed() < within {
            let ids = self.processes(function);
            signal("-STOP", &ids);
            if look().await {
                signal("-KILL", &ids);
                return;
            }
            signal("-CONT", &ids);
            tokio::time::sleep(GLIMPSE).await;
        }
        panic!("waited {} s in vain: {what}", within.as_secs())
    }

    /// The ids of the processes that run a function, which it knows by its environment.
    fn processes(&self, function: &str) -> Vec<String> {
        let variable = format!("AWS_LAMBDA_FUNCTION_NAME={}-{function}-", self.name);
        let runs_it = |environment: Vec<u8>| {
            environment.split(|byte| *byte == 0).any(|pair| pair.starts_with(variable.as_bytes()))
        };
        fs::read_dir("/proc")
            .expect("Linux tells of its processes")
            .flatten()
            .filter(|entry| fs::read(entry.path().join("environ")).is_ok_and(runs_it))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    }

    /// Switches the trigger of a queue off, so that the messages that come can be looked at.
    ///
    /// # Panics
    /// Where the queue has none.
    pub fn hold<'a>(&self, queue: &'a str) -> Held<'a> {
        let mapping = mapping(queue);
        switch(&mapping, &["--no-enabled"]);
        Held { mapping, queue, sqs: aws_sdk_sqs::Client::new(&self.config) }
    }

    /// Lets a queue's trigger handle so many messages at a time, and no more.
    pub fn limit(&self, queue: &str, at_once: u32) {
        switch(&mapping(queue), &["--scaling-config", &format!("MaximumConcurrency={at_once}")]);
    }

    /// The bodies of messages that wait in a queue, ten at most. They stay there; a queue that counts how often a message
    /// is received counts this.
    ///
    /// # Panics
    /// Where the queue cannot be read.
    pub async fn waiting(&self, queue: &str) -> Vec<String> {
        waiting(&aws_sdk_sqs::Client::new(&self.config), queue).await
    }
}

impl Held<'_> {
    /// Waits until messages are there, and answers their bodies.
    pub async fn bodies(&self, within: Duration) -> Vec<String> {
        eventually("a message waits", within, async || {
            Some(waiting(&self.sqs, self.queue).await).filter(|bodies| !bodies.is_empty())
        })
        .await
    }

    /// Switches the trigger on again.
    pub fn release(self) {
        switch(&self.mapping, &["--enabled"]);
    }
}

/// Sends processes a signal. Those that have ended meanwhile are none of its concern.
fn signal(signal: &str, ids: &[String]) {
    if !ids.is_empty() {
        let kill = Command::new("kill").arg(signal).args(ids).stderr(Stdio::null()).status();
        kill.expect("`kill` is in PATH");
    }
}

/// The id of a queue's trigger.
fn mapping(queue: &str) -> String {
    let name = queue.rsplit('/').next().unwrap_or(queue);
    let mappings = aws(&["lambda", "list-event-source-mappings"]);
    let mappings = mappings.get("EventSourceMappings").and_then(Value::as_array);
    let text = |mapping: &Value, name| mapping.get(name).and_then(Value::as_str).map(str::to_owned);
    let mapping = mappings.into_iter().flatten().find(|mapping| {
        text(mapping, "EventSourceArn").is_some_and(|source| source.ends_with(&format!(":{name}")))
    });
    mapping.and_then(|mapping| text(mapping, "UUID")).expect("the queue has a trigger")
}

fn switch(mapping: &str, state: &[&str]) {
    aws(&[&["lambda", "update-event-source-mapping", "--uuid", mapping], state].concat());
}

async fn waiting(sqs: &aws_sdk_sqs::Client, queue: &str) -> Vec<String> {
    let receive = sqs.receive_message().queue_url(queue).max_number_of_messages(10).visibility_timeout(0);
    let received = receive.send().await.expect("a queue is read").messages.unwrap_or_default();
    received.into_iter().filter_map(|message| message.body).collect()
}
