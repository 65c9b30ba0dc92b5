//! Tokens in which bits were turned: none is taken.
//!
//! Of a token of each kind of key, every single bit is turned once that leaves a text, which a token in
//! a header is: the lower seven of each byte, since the eighth makes of an ASCII letter no letter at all.
//! Then pairs of them are, drawn by a seed, until `JUDGEMENT_LEDGER_TOKENS` tokens were tried in all.

use std::{collections::BTreeSet, thread};

use base64::{
    alphabet::URL_SAFE,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use proptest::{
    prelude::Rng as _,
    test_runner::{RngAlgorithm, TestRng},
};

use super::{
    issuers::{Keys, header, of_ofsted, ofsted, trusting},
    *,
};

const KINDS: [Algorithm; 3] = [Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256];

/// How many tokens are tried, if nothing else is asked for: a few seconds without optimisation.
const TOKENS: usize = 12_000;

/// The bits of a byte that may be turned in a text of ASCII.
const BITS: usize = 7;

/// Reads base64 as many do: the unused bits of its last letter may be anything.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// A token with these bits turned; they count from its first byte, seven to each.
fn turned(token: &str, bits: &[usize]) -> String {
    let mut bytes = token.as_bytes().to_vec();
    for bit in bits {
        bytes[bit / BITS] ^= 1 << (bit % BITS);
    }
    String::from_utf8(bytes).expect("seven bits are ASCII")
}

/// Every bit of a token by itself.
fn single(token: &str) -> impl Iterator<Item = Vec<usize>> + use<> {
    (0..token.len().saturating_mul(BITS)).map(|bit| vec![bit])
}

/// So many pairs of bits of a token, each pair once.
fn pairs(token: &str, many: usize, random: &mut TestRng) -> BTreeSet<Vec<usize>> {
    let bits = token.len().saturating_mul(BITS);
    assert!(
        many < bits.saturating_mul(bits) / 8,
        "there are too few pairs to draw so many of them"
    );
    let mut bit = || usize::try_from(random.next_u32()).unwrap().checked_rem(bits).unwrap();
    let mut drawn = BTreeSet::new();
    while drawn.len() < many {
        let (one, other) = (bit(), bit());
        if one != other {
            drawn.insert(vec![one.min(other), one.max(other)]);
        }
    }
    drawn
}

/// Which bits were turned where `check` takes the token all the same.
fn taken(
    token: &str,
    tried: impl IntoIterator<Item = Vec<usize>>,
    check: impl Fn(&str) -> Result<Arc<Identity>, CredentialError>,
) -> Vec<Vec<usize>> {
    tried.into_iter().filter(|bits| check(&turned(token, bits)).is_ok()).collect()
}

/// A token of each kind, and who takes them.
fn tokens() -> (Credentials, Vec<(Algorithm, String)>) {
    let keys = Keys::new();
    let ours = trusting(&keys.set(), &json!([ofsted()])).unwrap();
    let signed = |kind| sign(&header(kind), &of_ofsted(&json!({})), &keys.signing(kind));
    (ours, KINDS.map(|kind| (kind, signed(kind))).to_vec())
}

#[test]
#[expect(clippy::print_stdout, reason = "a random test says its seed")]
fn no_token_in_which_a_bit_was_turned_is_taken() {
    let all = std::env::var("JUDGEMENT_LEDGER_TOKENS").map_or(TOKENS, |it| it.parse().unwrap());
    let seed = std::env::var("JUDGEMENT_LEDGER_TOKENS_SEED")
        .map_or_else(|_| u64::from(std::process::id()), |it| it.parse().unwrap());
    println!("JUDGEMENT_LEDGER_TOKENS_SEED={seed}");
    let (ours, tokens) = tokens();
    let singles: usize = tokens.iter().map(|(_, token)| token.len() * BITS).sum();
    let each = all.saturating_sub(singles).div_ceil(KINDS.len());
    let tried = thread::scope(|scope| {
        let each_kind: Vec<_> = tokens
            .iter()
            .map(|(kind, token)| {
                let ours = &ours;
                scope.spawn(move || {
                    assert_eq!(ours.verify(token, now()), Ok(Arc::new(inspector())), "{kind:?}");
                    let seed = sha256(&[&seed.to_be_bytes(), format!("{kind:?}").as_bytes()]);
                    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.as_bytes()[..]);
                    let tried: Vec<_> =
                        single(token).chain(pairs(token, each, &mut random)).collect();
                    let many = tried.len();
                    let taken = taken(token, tried, |token| ours.verify(token, now()));
                    assert_eq!(taken, Vec::<Vec<usize>>::new(), "{kind:?}: {token}");
                    many
                })
            })
            .collect();
        each_kind.into_iter().map(|kind| kind.join().unwrap()).sum::<usize>()
    });
    println!("{singles} single bits, {} pairs", tried - singles);
    assert!(tried >= all.max(singles));
}

/// What a check that is less strict would take, and with which bits turned.
#[test]
fn a_check_that_takes_a_token_in_which_a_bit_was_turned_is_found_out() {
    let (ours, tokens) = tokens();
    for (kind, token) in &tokens {
        let signed = token.rfind('.').unwrap() + 1;
        // Who takes anything takes each.
        let anybody = taken(token, single(token), |_| Ok(Arc::new(inspector())));
        assert_eq!(anybody.len(), token.len() * BITS, "{kind:?}");
        // Who believes what is written takes whatever the signature is, and claims that still are some.
        let believed = taken(token, single(token), believed);
        let within = |bits: &&Vec<usize>| bits[0] / BITS >= signed;
        assert!(believed.iter().filter(within).count() > token.len() - signed, "{kind:?}");
        assert!(believed.iter().any(|bits| bits[0] / BITS < signed), "{kind:?}");
        // A signature ends with four bits that say nothing: its bytes are the same whatever they are. Who
        // does not look at them takes the token under several names; here it has one.
        let lenient = |turned: &str| {
            let (content, signature) = turned.rsplit_once('.').unwrap_or_default();
            let signature = LENIENT.decode(signature).map_err(|_| CredentialError::NotOurs)?;
            ours.verify(&format!("{content}.{}", encoded(&signature)), now())
        };
        let last = || single(token).filter(|bits| bits[0] / BITS == token.len() - 1);
        let other_names = taken(token, last(), lenient);
        assert!(!other_names.is_empty(), "{kind:?}: {token}");
        assert_eq!(
            taken(token, last(), |token| ours.verify(token, now())),
            Vec::<Vec<usize>>::new()
        );
    }
}
