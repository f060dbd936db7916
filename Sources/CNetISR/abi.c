/*
 * abi.c - the layout that plugins are compiled against, pinned.  A change
 * here is a change of NETISR_ABI_MAJOR.
 */
#include "CNetISR.h"

#define PIN_SIZE(type, size) _Static_assert(sizeof(type) == (size), "size of " #type)
#define PIN(type, field, offset) \
	_Static_assert(offsetof(type, field) == (offset), "offset of " #type "." #field)

PIN_SIZE(struct netisr_handler, 104);
PIN(struct netisr_handler, nh_name, 0);
PIN(struct netisr_handler, nh_handler, 8);
PIN(struct netisr_handler, nh_m2flow, 16);
PIN(struct netisr_handler, nh_m2cpuid, 24);
PIN(struct netisr_handler, nh_drainedcpu, 32);
PIN(struct netisr_handler, nh_proto, 40);
PIN(struct netisr_handler, nh_qlimit, 44);
PIN(struct netisr_handler, nh_policy, 48);
PIN(struct netisr_handler, nh_dispatch, 52);
PIN(struct netisr_handler, nh_ispare, 56);
PIN(struct netisr_handler, nh_pspare, 72);

PIN_SIZE(struct netisr_abi, 52);
PIN(struct netisr_abi, an_name, 36);
PIN_SIZE(struct netisr_abi_note, 72);
PIN(struct netisr_abi_note, n_desc, 20);

PIN_SIZE(struct pkthdr, 64);
PIN(struct pkthdr, rcvif, 0);
PIN(struct pkthdr, rcv_tstmp, 8);
PIN(struct pkthdr, len, 16);
PIN(struct pkthdr, flowid, 20);
PIN(struct pkthdr, csum_flags, 24);
PIN(struct pkthdr, csum_data, 28);
PIN(struct pkthdr, ether_vtag, 30);
PIN(struct pkthdr, wirelen, 32);
PIN(struct pkthdr, rsstype, 36);
PIN(struct pkthdr, ph_cspare, 37);
PIN(struct pkthdr, ph_loc, 40);
PIN_SIZE(struct m_ext, 24);

PIN_SIZE(struct mbuf, MSIZE);
PIN(struct mbuf, m_next, 0);
PIN(struct mbuf, m_nextpkt, 8);
PIN(struct mbuf, m_data, 16);
PIN(struct mbuf, m_len, 24);
PIN(struct mbuf, m_flags, 28);
PIN(struct mbuf, m_type, 32);
PIN(struct mbuf, m_pkthdr, 40);
PIN(struct mbuf, m_ext, 104);
PIN(struct mbuf, m_dat, 128);

PIN_SIZE(struct if_nexthop, sizeof(((struct pkthdr *)0)->ph_loc));
PIN(struct if_nexthop, nh_family, 16);
PIN_SIZE(struct ifnet_addr, 20);
PIN_SIZE(struct ifnet, 440);
PIN(struct ifnet, if_index, 0);
PIN(struct ifnet, if_vnet, 4);
PIN(struct ifnet, if_type, 8);
PIN(struct ifnet, if_flags, 12);
PIN(struct ifnet, if_mtu, 16);
PIN(struct ifnet, if_clock, 20);
PIN(struct ifnet, if_lladdr, 24);
PIN(struct ifnet, if_lladdrlen, 32);
PIN(struct ifnet, if_addrcount, 36);
PIN(struct ifnet, if_addrs, 40);
PIN(struct ifnet, if_xname, 360);
PIN(struct ifnet, if_peer, 392);
PIN(struct ifnet, if_sysindex, 400);
PIN(struct ifnet, if_softc, 432);

PIN_SIZE(struct sysctl_spec, 40);
PIN(struct sysctl_spec, ss_spare, 32);

PIN_SIZE(struct callout, 16);
PIN(struct callout, c_clock, 8);
PIN(struct callout, c_flags, 12);

PIN_SIZE(struct table_held, 16);
PIN_SIZE(struct table_spec, 40);
PIN(struct table_spec, ts_flags, 24);
PIN(struct table_spec, ts_format, 32);

PIN_SIZE(struct atm_frame, 8);
