//! A file of issuers that changes, and for whom client certificates speak beside it.

use super::{
    issuers::{Address, Keys, OFSTED, header, of_ofsted, ofsted},
    *,
};

/// A file of issuers that is read again.
struct Reread {
    folder: tempfile::TempDir,
    ours: Credentials,
    keys: Keys,
}

impl Reread {
    fn new(issuers: &Value) -> Self {
        let (folder, keys) = (tempfile::tempdir().unwrap(), Keys::new());
        std::fs::write(folder.path().join("keys.json"), keys.set().to_string()).unwrap();
        let file = folder.path().join("issuers.json");
        std::fs::write(&file, json!({"issuers": issuers}).to_string()).unwrap();
        let ours = Credentials::of_issuers_in(&file).unwrap();
        Self { folder, ours, keys }
    }

    fn becomes(&self, document: &str) {
        std::fs::write(self.folder.path().join("issuers.json"), document).unwrap();
        self.ours.refresh();
    }

    fn bearer(&self, others: &Value) -> Result<Arc<Identity>, CredentialError> {
        let signing = self.keys.signing(Algorithm::EdDSA);
        self.ours.verify(&sign(&header(Algorithm::EdDSA), &of_ofsted(others), &signing), now())
    }
}

#[test]
fn a_file_of_issuers_that_changes_is_read_again_and_one_that_is_broken_is_not() {
    let csci = || json!({"issuer": "csci", "keys": "keys.json", "organisations": ["csci"]});
    let file = Reread::new(&json!([ofsted(), csci()]));
    let of_csci = json!({"iss": "csci", "org": "csci"});
    assert_eq!(file.bearer(&json!({})), Ok(Arc::new(inspector())));
    assert!(file.bearer(&of_csci).is_ok());
    // A role that stands for another: what was found of the same token before counts no more.
    let mut mapped = ofsted();
    mapped["roles"] = json!({"inspector": "moderator"});
    file.becomes(&json!({"issuers": [mapped, csci()]}).to_string());
    let roles = || file.bearer(&json!({})).map(|it| it.roles.clone());
    assert_eq!(roles(), Ok(vec![Role::Moderator]));
    // What is broken changes nothing, be it the file or one that it names.
    let mut nowhere = ofsted();
    nowhere["keys"] = "nowhere.json".into();
    let nowhere = json!({"issuers": [nowhere]}).to_string();
    for broken in ["", "{", "{\"issuers\": []}", &nowhere] {
        file.becomes(broken);
        assert_eq!(roles(), Ok(vec![Role::Moderator]), "{broken}");
        assert!(file.bearer(&of_csci).is_ok(), "{broken}");
    }
    std::fs::remove_file(file.folder.path().join("issuers.json")).unwrap();
    file.ours.refresh();
    assert!(file.bearer(&of_csci).is_ok());
    // An issuer that is gone is nobody's.
    file.becomes(&json!({"issuers": [ofsted()]}).to_string());
    assert_eq!(file.bearer(&json!({})), Ok(Arc::new(inspector())));
    assert_eq!(file.bearer(&of_csci), Err(CredentialError::NotOurs));
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_had_stay_when_the_file_changes_and_go_with_who_vouched_for_them() {
    let address = Address::open();
    let issuer = |audience: &str, ca: Option<&str>| {
        json!({"issuer": OFSTED, "keys": address.url, "organisations": ["ofsted"],
               "audience": audience, "ca": ca})
    };
    let file = Reread::new(&json!([issuer("judgement-ledger", None)]));
    address.gives(Some(&file.keys.set()));
    file.ours.refresh();
    assert!(file.bearer(&json!({})).is_ok());
    address.gives(None);
    file.becomes(&json!({"issuers": [issuer("apa", None)]}).to_string());
    assert_eq!(file.bearer(&json!({})), Err(CredentialError::NotOurs), "for another audience");
    assert!(file.bearer(&json!({"aud": "apa"})).is_ok(), "under the keys that were had");
    // Another authority vouches: what was had is of no worth until it has been asked again.
    let authority = || {
        let params = rcgen::CertificateParams::default();
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    };
    let ca = file.folder.path().join("ca.pem");
    std::fs::write(&ca, authority()).unwrap();
    address.gives(Some(&file.keys.set()));
    file.becomes(&json!({"issuers": [issuer("apa", Some("ca.pem"))]}).to_string());
    assert!(file.bearer(&json!({"aud": "apa"})).is_ok());
    address.gives(None);
    std::fs::write(&ca, authority()).unwrap();
    file.ours.refresh();
    assert_eq!(file.bearer(&json!({"aud": "apa"})), Err(CredentialError::Unchecked));
}

#[test]
fn client_certificates_name_logins_of_no_organisation_for_which_an_issuer_speaks() {
    let id = |id: &str| OrganisationId::parse(id).unwrap();
    let file = Reread::new(&json!([ofsted()]));
    assert!(!file.ours.certifies(&id("csci")), "beside issuers nobody, if it is not said");
    assert!(Credentials::none().certifies(&id("csci")));
    let document = json!({"issuers": [ofsted()]}).to_string();
    let stated = Credentials::of_issuers(document.as_bytes(), file.folder.path()).unwrap();
    let refused = stated.certifying(vec![id("csci"), id("ofsted")]).map(drop).unwrap_err();
    assert!(refused.to_string().contains("client certificates speak for ofsted"), "{refused}");
    let certifying = Reread { ours: file.ours.certifying(vec![id("csci")]).unwrap(), ..file };
    assert!(certifying.ours.certifies(&id("csci")) && !certifying.ours.certifies(&id("ofsted")));
    // Nor may one begin to speak for it later.
    let mut both = ofsted();
    both["organisations"] = json!(["ofsted", "csci"]);
    certifying.becomes(&json!({"issuers": [both]}).to_string());
    let of_csci = certifying.bearer(&json!({"org": "csci"}));
    assert_eq!(of_csci, Err(CredentialError::NotItsOrganisation));
    assert!(certifying.bearer(&json!({"org": "ofsted"})).is_ok(), "those before stay");
}
