/* CNetISR.h - the whole contract, in one include. */
#ifndef _CNETISR_H_
#define _CNETISR_H_

#include "callout.h"
#include "counter.h"
#include "ifnet.h"
#include "mbuf.h"
#include "natm.h"
#include "netisr.h"
#include "netisr_plugin.h"
#include "sysctl.h"
#include "table.h"

#endif /* !_CNETISR_H_ */
