//! Two people share a browser, and stay two.

use tests::shop::User;

use crate::open::Open;

#[tokio::test]
async fn two_people_at_one_browser_are_two_profiles_and_the_browser_is_with_the_latter() {
    let mut open = Open::shop().await;
    let ecid = open.home("mover").ecid();

    open.sign_in("mover", User::ADA.login, User::ADA.password());
    let ada = open.profile_of("CRMID", User::ADA.customer, |_| true).await;
    open.profile_of("ECID", &ecid, |profile| *profile == ada).await;

    open.sign_out("mover");
    let seen = open.sign_in("mover", User::BEN.login, User::BEN.password());
    assert_eq!(seen.text("#account"), "Hello, Ben");
    assert_eq!(seen.ecid(), ecid, "it is the same browser");
    let ben = open.profile_of("CRMID", User::BEN.customer, |_| true).await;
    assert_ne!(ben, ada);
    open.profile_of("ECID", &ecid, |profile| *profile == ben).await;
    assert_eq!(open.profile_of("CRMID", User::ADA.customer, |_| true).await, ada, "Ada is still who she was");
}

#[tokio::test]
async fn a_password_that_is_not_known_proves_nobody() {
    let mut open = Open::shop().await;
    let ecid = open.home("mover").ecid();
    let seen = open.sign_in("mover", User::ADA.login, "guessed");
    assert_eq!(seen.text("#account"), "Sign in");
    let stored = open.stored(&ecid).await;
    assert!(stored.visitor.login.is_none(), "{stored:?}");
    assert!(
        open.at
            .store
            .identities
            .link(&open.identity("CRMID", User::ADA.customer).await.key)
            .await
            .unwrap()
            .is_none()
    );
}
