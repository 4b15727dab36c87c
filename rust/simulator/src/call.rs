//! The calls that a toolstack makes of Xen, by their names in libxenctrl.

/// A call that a fault may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "their names are libxenctrl's")]
pub enum Call {
    ClaimMemory,
    ClaimPages,
    ClaimPagesNode,
    Create,
    Destroy,
    GetInfoList,
    GetNodeAffinity,
    GetNodePages,
    MaxVcpus,
    NumaInfo,
    PhysInfo,
    PopulatePhysmap,
    SetMaxMem,
    SetNodeAffinity,
    SetVcpuAffinity,
    ShadowControl,
    Version,
}

impl Call {
    /// All of them.
    pub const ALL: [Call; 17] = [
        Call::ClaimMemory,
        Call::ClaimPages,
        Call::ClaimPagesNode,
        Call::Create,
        Call::Destroy,
        Call::GetInfoList,
        Call::GetNodeAffinity,
        Call::GetNodePages,
        Call::MaxVcpus,
        Call::NumaInfo,
        Call::PhysInfo,
        Call::PopulatePhysmap,
        Call::SetMaxMem,
        Call::SetNodeAffinity,
        Call::SetVcpuAffinity,
        Call::ShadowControl,
        Call::Version,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Call::ClaimMemory => "xc_domain_claim_memory",
            Call::ClaimPages => "xc_domain_claim_pages",
            Call::ClaimPagesNode => "xc_domain_claim_pages_node",
            Call::Create => "xc_domain_create",
            Call::Destroy => "xc_domain_destroy",
            Call::GetInfoList => "xc_domain_getinfolist",
            Call::GetNodeAffinity => "xc_domain_node_getaffinity",
            Call::GetNodePages => "xc_domain_numa_get_node_pages",
            Call::MaxVcpus => "xc_domain_max_vcpus",
            Call::NumaInfo => "xc_numainfo",
            Call::PhysInfo => "xc_physinfo",
            Call::PopulatePhysmap => "xc_domain_populate_physmap",
            Call::SetMaxMem => "xc_domain_setmaxmem",
            Call::SetNodeAffinity => "xc_domain_node_setaffinity",
            Call::SetVcpuAffinity => "xc_vcpu_setaffinity",
            Call::ShadowControl => "xc_shadow_control",
            Call::Version => "xc_version",
        }
    }

    /// The one of that name.
    pub fn by_name(name: &str) -> Option<Call> {
        Call::ALL.into_iter().find(|call| call.name() == name)
    }
}
