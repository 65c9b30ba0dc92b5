//! The story of tests/clients/README.md, in Rust.

#![forbid(unsafe_code)]

mod proof;
mod retries;
mod story;

use std::{env, error::Error, process::ExitCode, time::Duration};

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
    transport::Endpoint,
};

use crate::{retries::Retries, story::Story};

#[allow(clippy::all, dead_code, reason = "what a client does not need is generated as well")]
mod generated {
    // GENERATED is where buf put it. Packages name each other by their place: the modules must nest
    // as they do.
    pub mod judgement {
        pub mod ledger {
            pub mod v1 {
                include!(concat!(env!("GENERATED"), "/judgement/ledger/v1/judgement.ledger.v1.rs"));
            }
        }
    }
    pub mod google {
        pub mod rpc {
            include!(concat!(env!("GENERATED"), "/google/rpc/google.rpc.rs"));
        }
        pub mod r#type {
            include!(concat!(env!("GENERATED"), "/google/r#type/google.type.rs"));
        }
    }
}

/// What went wrong, for whoever runs this.
pub type Failure = Box<dyn Error>;

/// How long any call may take.
const DEADLINE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match tell().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("story: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn tell() -> Result<(), Failure> {
    let channel = Endpoint::try_from(format!("http://{}", env::var("LEDGER")?))?.connect_lazy();
    let retries = Retries::of(&env::var("LEDGER_SERVICE_CONFIG")?)?;
    let story = Story::new(env::var("LEDGER_ASSESSMENT")?, &channel, retries)?;
    let written = story.write().await?;
    story.read(&written).await?;
    story.prove(&written[2]).await
}

/// Sends a token and a deadline with every call.
#[derive(Clone)]
struct Caller(MetadataValue<Ascii>);

impl Caller {
    fn of(variable: &str) -> Result<Self, Failure> {
        Ok(Self(format!("Bearer {}", env::var(variable)?).parse()?))
    }
}

impl Interceptor for Caller {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        request.set_timeout(DEADLINE);
        Ok(request)
    }
}
