/*
 * null.c - the smallest plugin, in C: takes every packet of protocol 15 and
 * frees it.  A start for handlers of your own, and the peer of every benchmark.
 */
#include <netisr_plugin.h>

NETISR_PLUGIN("null", 15, 1, 100);

static void
null_input(struct mbuf *m)
{
	m_freem(m);
}

int
netisr_plugin_register(struct netisr_handler *nhp)
{
	nhp->nh_name = "null";
	nhp->nh_handler = null_input;
	nhp->nh_proto = 15;
	nhp->nh_policy = NETISR_POLICY_SOURCE;
	return (0);
}
