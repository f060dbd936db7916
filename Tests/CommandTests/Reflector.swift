/// A plugin for Ethernet frames that sends IPv4 UDP back to where it came from: all addresses and the ports change
/// places, which leaves every checksum right, so a socket of the kernel's gets its own datagram as an answer. Where there
/// is a pair named "detour", frames go into end a of it, and are answered when they come out of end b.
enum Reflector {
  static let source = """
    #include <CNetISR.h>
    #include <string.h>
    NETISR_PLUGIN("reflector", NETISR_ETHER, 1, 1);
    static counter_t frames, tagged, other;
    static struct ifnet *named(const char *name)
    {
      for (uint32_t i = 1; i <= ifnet_maxindex(); i++) {
        struct ifnet *ifp = ifnet_byindex(i);
        if (ifp != NULL && strcmp(ifp->if_xname, name) == 0)
          return (ifp);
      }
      return (NULL);
    }
    static void swap(char *a, char *b, size_t n)
    {
      char kept[8];
      memcpy(kept, a, n);
      memcpy(a, b, n);
      memcpy(b, kept, n);
    }
    /* Frames come by several threads. */
    static struct ifnet *_Atomic home;
    static void input(struct mbuf *m)
    {
      struct ifnet *ifp = m->m_pkthdr.rcvif, *detour = named("detoura");
      if (m->m_pkthdr.len < 42 || (m = m_pullup(m, 42)) == NULL)
        return;
      char *p = m->m_data;
      if (p[12] != 8 || p[13] != 0 || p[14] != 0x45 || p[23] != 17) {
        counter_add(other, 1);
        m_freem(m);
        return;
      }
      if (detour != NULL && ifp->if_type == IFT_ETHER) {
        home = ifp;
        (void)if_transmit(detour, m);
        return;
      }
      counter_add(frames, 1);
      if ((m->m_flags & M_VLANTAG) != 0)
        counter_add(tagged, 1);
      swap(p, p + 6, 6);
      swap(p + 26, p + 30, 4);
      swap(p + 34, p + 36, 2);
      (void)if_transmit(detour != NULL ? home : ifp, m);
    }
    int netisr_plugin_register(struct netisr_handler *nhp)
    {
      int error;
      if ((error = counter_define("reflector.frames", &frames)) != 0 ||
          (error = counter_define("reflector.tagged", &tagged)) != 0 ||
          (error = counter_define("reflector.other", &other)) != 0)
        return (error);
      nhp->nh_name = "reflector";
      nhp->nh_handler = input;
      nhp->nh_proto = NETISR_ETHER;
      nhp->nh_policy = NETISR_POLICY_SOURCE;
      return (0);
    }
    """
}
