//! The edge function: wiring only.

use aws::Store;
use edge::handler::Edge;
use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::logging();
    let region = std::env::var("AWS_REGION").unwrap_or_default();
    let edge = Edge::new(Store::connect().await?, region);
    edge.warm().await;
    let edge = &edge;
    run(service_fn(move |request: Request| async move { Ok::<_, Error>(edge.handle(&request).await) })).await
}
