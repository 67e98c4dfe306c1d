//! `partners/<name>.yaml`: who supplies data, and what the contract allows.

use domain::label::MarketingAction;
use domain::name::PartnerName;
use domain::namespace::{NamespaceCode, NamespaceType};
use domain::partner::{Contract, Matching, Partner};
use jiff::civil::Date;

use crate::problem::Notes;
use crate::read::{At, Members, Read, word};
use crate::yaml::Node;

use super::Scope;

pub(crate) struct PartnerForm {
    title: Option<String>,
    namespace: At<NamespaceCode>,
    contract: Option<ContractForm>,
}

struct ContractForm {
    allows: Vec<At<MarketingAction>>,
    ends: Option<Date>,
    matching: Matching,
}

impl Read for PartnerForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<PartnerForm> {
        let mut members = Members::of(node, notes)?;
        let title = members.optional("title", notes);
        let namespace = members.required("namespace", notes);
        let contract = members.optional("contract", notes);
        members.finish(notes);
        Some(PartnerForm { title: title?, namespace: namespace?, contract: contract? })
    }
}

impl Read for ContractForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<ContractForm> {
        let mut members = Members::of(node, notes)?;
        let allows = members.required("allows", notes);
        let ends = members.optional("ends", notes);
        let matching = members.required("matching", notes);
        members.finish(notes);
        Some(ContractForm { allows: allows?, ends: ends?, matching: matching? })
    }
}

impl Read for Matching {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Matching> {
        let words = [("deterministic", Matching::Deterministic), ("probabilistic", Matching::Probabilistic)];
        word(node, &words, notes)
    }
}

impl PartnerForm {
    pub(crate) fn compile(
        &self,
        name: &PartnerName,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<Partner> {
        let kind = scope.forms.namespace_type(&scope.catalogue.namespaces, &self.namespace, notes);
        if kind.is_some_and(|kind| kind != NamespaceType::PartnerId) {
            let message = format!("namespace `{}` is not of type `partner_id`", self.namespace.value);
            let help = "a partner's IDs have a namespace of their own, so that they never link two people";
            notes.note(self.namespace.at, message, help.to_owned());
        }
        if let Some(contract) = &self.contract {
            scope.forms.check_actions(&contract.allows, notes);
        }
        Some(Partner {
            name: name.clone(),
            title: self.title.clone().unwrap_or_else(|| name.to_string()),
            namespace: self.namespace.value.clone(),
            contract: self.contract.as_ref().map(|contract| Contract {
                allows: contract.allows.iter().map(|action| action.value.clone()).collect(),
                ends: contract.ends,
                matching: contract.matching,
                ordered: false,
            }),
        })
    }
}
