//! The conformance suite: checks of the protocol that hold on any hypervisor, the modelled Xen and
//! a running one.
//!
//! Each is a function of how to open a host on which nothing runs; what it creates there is gone
//! when the host is dropped.
#![forbid(unsafe_code)]
#![allow(missing_docs, reason = "a check is named by what it checks")]

pub mod bench;
pub mod calls;
pub mod errnos;
pub mod modelled;
pub mod waiting;

/// Hands every check to a macro, as `file::check`.
#[macro_export]
macro_rules! every_check {
    ($then:ident) => {
        $then! {
            calls::claims_and_sets_affinity_before_the_first_page,
            calls::two_domains_do_not_meet_on_a_node,
            calls::a_second_process_sees_what_the_first_one_claimed,
            calls::every_domain_claims_or_none,
            calls::in_mode_never_this_process_still_knows_its_builds,
            calls::too_few_cpus_do_not_stop_a_start_unless_strict,
            calls::a_plan_over_several_nodes_is_used,
            calls::strict_is_one_node_or_refused,
            calls::calls_are_idempotent_and_a_domain_is_placed_once,
            calls::soft_or_hard_as_the_policy_says,
            calls::a_builder_that_claims_for_itself_is_left_to,
            calls::claims_of_a_process_that_is_gone_are_listed_and_released,
            errnos::without_node_claims_there_is_affinity_and_a_claim_all_the_same,
            errnos::a_hypervisor_without_claims_is_mode_never,
            errnos::a_claim_of_which_nothing_is_seen_is_lost,
            errnos::other_errnos_are_typed_errors_and_leave_nothing,
            errnos::a_panic_does_not_close_the_host,
            errnos::a_domain_without_a_claim_on_a_node_may_be_placed_again,
            errnos::a_reading_that_fails_after_the_claim_leaves_none_or_says_so,
            errnos::a_claim_that_cannot_be_taken_back_is_said,
            errnos::a_claim_that_is_not_what_was_asked_is_an_error,
            errnos::a_call_that_failed_is_made_again_by_the_next,
            errnos::two_placements_of_one_domain_do_not_harm_each_other,
            waiting::a_quiet_full_host_is_refused_soon_and_with_figures,
            waiting::the_room_for_pools_is_held_back_until_they_are_filled,
            waiting::a_change_of_claims_waits_for_the_builds_in_flight,
            waiting::with_late_accounting_a_tight_claim_queues_behind_builds,
            waiting::what_only_goes_up_and_down_is_no_progress,
            waiting::what_the_host_can_never_give_is_refused_at_once,
            waiting::a_stalled_clock_does_not_hang_a_placement,
            waiting::who_is_overtaken_gets_that_the_host_is_full,
        }
    };
}
