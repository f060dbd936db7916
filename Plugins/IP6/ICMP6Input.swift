import NetISRPlugin
func icmp6Input(_ packet: borrowing Packet, _ chain: HeaderChain) {}
