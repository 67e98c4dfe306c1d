//! Measures the edge as Lambda runs it: a process that asks for an event and answers it, one at a time. Every event is
//! the first page view of another recent mover, who must be shown the coupon.
//!
//! Once storage is a fake that answers at once, so that what is left is the function's own time; once it is DynamoDB
//! Local behind LocalStack, `TRIBUTARY_TEST_LOCALSTACK`. `cargo xtask bench edge` starts it.

mod function;
mod http;
mod lambda;
mod storage;
mod view;

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws::Deployment;
use clap::Parser;
use tests::example::Example;
use tests::flow::Local;

use crate::function::Function;
use crate::lambda::Lambda;
use crate::storage::{Calls, Storage};

/// What goes wrong ends the measuring.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The edge function behind a stand-in for Lambda's runtime interface.
#[derive(Parser)]
struct Arguments {
    /// The function
    function: PathBuf,
    /// How many page views are measured on each storage
    #[arg(long, default_value_t = 2000)]
    views: usize,
    /// How many page views come before those
    #[arg(long, default_value_t = 200)]
    before: usize,
    /// How often the function is started
    #[arg(long, default_value_t = 10)]
    starts: usize,
}

/// What page views took and cost.
struct Measured {
    /// From handing out an event to the arrival of its answer, the quickest first.
    times: Vec<Duration>,
    cpu: Duration,
    calls: Calls,
    /// Of the view that had most of them.
    most: Calls,
}

/// A deployment of the shop, and what stands between it and the function.
struct Stage {
    arguments: Arguments,
    deployment: Deployment,
    storage: Storage,
    views: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let local = Local::start(Example::shop()).await;
    local.apply().await;
    let deployment = local.store.deployment.clone();
    let localstack = local.config.endpoint_url().ok_or("the clients know no endpoint")?;
    let storage = Storage::open(localstack, &deployment.profiles).await?;
    let mut stage = Stage { arguments, deployment, storage, views: 0 };

    println!(
        "{:<16}{:>10}{:>10}{:>10}{:>10}{:>12}{:>12}",
        "storage", "p50", "p99", "worst", "CPU", "reads", "writes"
    );
    let on_fake = stage.measure_on("fake", true).await?;
    let on_dynamodb = stage.measure_on("DynamoDB Local", false).await?;
    stage.storage.fake(true);
    let mut starts = Vec::new();
    for _ in 0..stage.arguments.starts {
        starts.push(stage.start().await?);
    }
    starts.sort();
    let [median, slowest] = [0.5, 1.0].map(|share| milliseconds(quantile(&starts, share)));
    println!("from the start of the process to its first answer, on the fake: {median} (slowest {slowest})");

    println!("\n{:<44}{:>12}{:>12}{:>10}", "held to its target", "measured", "target", "ratio");
    let thousandths = |time: Duration| time.as_secs_f64() * 1e3;
    let most = on_fake.most.or(on_dynamodb.most);
    held("p99 of a page view on the fake, in ms", thousandths(quantile(&on_fake.times, 0.99)), 3.0);
    held("start to first answer on the fake, in ms", thousandths(quantile(&starts, 0.5)), 80.0);
    held("reads of DynamoDB before a reply, at most", f64::from(most.reads), 1.0);
    held("writes of DynamoDB before a reply, at most", f64::from(most.writes), 1.0);
    Ok(())
}

/// Prints what was measured beside what it is to be at most.
fn held(name: &str, measured: f64, target: f64) {
    println!("{name:<44}{measured:>12.2}{target:>12.2}{:>10.2}", measured / target);
}

impl Stage {
    /// Measures page views on a storage, and prints what they took.
    async fn measure_on(&mut self, name: &str, is_fake: bool) -> Result<Measured> {
        self.storage.fake(is_fake);
        let measured = self.measure().await?;
        println!("{name:<16}{}", measured.row());
        Ok(measured)
    }

    /// Sends page views one after the other.
    async fn measure(&mut self) -> Result<Measured> {
        let mut lambda = Lambda::open().await?;
        let function = self.function(&lambda)?;
        for _ in 0..self.arguments.before {
            self.view(&mut lambda, &function).await?;
        }
        let mut measured = Measured {
            times: Vec::new(),
            cpu: Duration::ZERO,
            calls: Calls::default(),
            most: Calls::default(),
        };
        let cpu = function.cpu_time()?;
        for _ in 0..self.arguments.views {
            self.storage.take_calls();
            measured.times.push(self.view(&mut lambda, &function).await?.0);
            let calls = self.storage.take_calls();
            measured.calls = measured.calls.and(calls);
            measured.most = measured.most.or(calls);
        }
        measured.cpu = function.cpu_time()?.saturating_sub(cpu);
        measured.times.sort();
        Ok(measured)
    }

    /// Starts the function, has it answer a page view, and ends it.
    async fn start(&mut self) -> Result<Duration> {
        let mut lambda = Lambda::open().await?;
        let started = Instant::now();
        let function = self.function(&lambda)?;
        let (_, arrived) = self.view(&mut lambda, &function).await?;
        Ok(arrived.duration_since(started))
    }

    fn function(&self, lambda: &Lambda) -> Result<Function> {
        Function::start(&self.arguments.function, &lambda.address, &self.storage.address, &self.deployment)
    }

    /// Has a page view answered: how long that took, and when the answer came.
    async fn view(&mut self, lambda: &mut Lambda, function: &Function) -> Result<(Duration, Instant)> {
        self.views += 1;
        let answered = lambda.invoke(&view::event(self.views)).await;
        let checked = answered.and_then(|answered| {
            view::check(&answered.body)?;
            Ok((answered.arrived.duration_since(answered.handed), answered.arrived))
        });
        checked.map_err(|error| format!("{error}; the function said:\n{}", function.said()).into())
    }
}

impl Measured {
    fn row(&self) -> String {
        let views = self.times.len().max(1);
        let [p50, p99, worst] = [0.5, 0.99, 1.0].map(|share| milliseconds(quantile(&self.times, share)));
        let cpu = milliseconds(self.cpu.div_f64(views as f64));
        let calls = |sum: u32, most: u32| format!("{:.2} (<= {most})", f64::from(sum) / views as f64);
        let [reads, writes] =
            [calls(self.calls.reads, self.most.reads), calls(self.calls.writes, self.most.writes)];
        format!("{p50:>10}{p99:>10}{worst:>10}{cpu:>10}{reads:>12}{writes:>12}")
    }
}

/// The time below which a share of the times is.
fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
