//! The evaluate function: wiring only.

use aws::Store;
use aws_lambda_events::sqs::SqsEvent;
use evaluate::handler::Evaluator;
use evaluate::limits::Limits;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::logging();
    let evaluator = Evaluator::new(Store::connect().await?, Limits::from_env()?);
    let evaluator = &evaluator;
    run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        let deadline = Timestamp::try_from(event.context.deadline())?;
        Ok::<_, Error>(evaluator.handle(event.payload, deadline).await)
    }))
    .await
}
