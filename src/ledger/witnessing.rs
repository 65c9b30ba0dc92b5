//! Asking a witness to sign each checkpoint, beside everything else: nobody waits for it.

use std::time::Duration;

use tokio::{sync::mpsc, time::sleep};

use super::{Ledger, Published, ReadError};
use crate::{
    merkle::{AddCheckpoint, Cosignatures, WitnessError},
    signer::{Answered, Witness, WitnessFailure},
};

/// How long after a witness refused or was not reached it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What a witness signed, on its way to the notary.
pub(super) struct Cosigned {
    pub(super) witness: Witness,
    pub(super) signatures: Cosignatures,
}

/// Why a witness did not sign this time.
#[derive(Debug, thiserror::Error)]
enum Unsigned {
    #[error(transparent)]
    Witness(#[from] WitnessFailure),
    #[error(transparent)]
    Proof(#[from] ReadError),
    #[error(transparent)]
    Request(#[from] WitnessError),
    #[error("it has signed a tree of {size} records, which this ledger never had")]
    Ahead { size: u64 },
    #[error("the thread that asks it has ended")]
    Thread,
}

/// Asks a witness to sign every new checkpoint, and hands what it signs to the notary, until that is
/// gone.
pub(super) async fn follow(ledger: Ledger, witness: Witness, signed: mpsc::Sender<Cosigned>) {
    let mut checkpoints = ledger.follow_checkpoints();
    // How many records the tree had that the witness signed last, as far as is known.
    let (mut known, mut cosigned) = (0, 0);
    loop {
        let newest = checkpoints.borrow_and_update().clone();
        match newest.filter(|it| it.head.size > cosigned) {
            None => {
                if checkpoints.changed().await.is_err() {
                    return;
                }
            }
            Some(published) => match ask(&ledger, &witness, &published, &mut known).await {
                Ok(signatures) => {
                    cosigned = published.head.size;
                    let witness = witness.clone();
                    if signed.send(Cosigned { witness, signatures }).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    let (witness, size) = (witness.key().name(), published.head.size);
                    tracing::warn!(%witness, size, %error, "a checkpoint is not witnessed yet");
                    sleep(ASK_AGAIN).await;
                }
            },
        }
    }
}

/// Asks once, and once more where the witness knows another size than was thought.
async fn ask(
    ledger: &Ledger,
    witness: &Witness,
    published: &Published,
    known: &mut u64,
) -> Result<Cosignatures, Unsigned> {
    for _ in 0..2 {
        let size = published.head.size;
        if *known > size {
            return Err(Unsigned::Ahead { size: *known });
        }
        let proof = ledger.consistency(*known, size).await?.proof;
        let request = AddCheckpoint::new(*known, proof, published.note.clone())?;
        let asked = witness.clone();
        let answered = tokio::task::spawn_blocking(move || asked.ask(&request)).await;
        match answered.map_err(|_| Unsigned::Thread)?? {
            Answered::Cosigned(signatures) => {
                *known = size;
                return Ok(signatures);
            }
            Answered::Knows(last) => *known = last,
        }
    }
    Err(Unsigned::Ahead { size: *known })
}
