/*
 * natm.h - the form in which ATM interfaces hand their traffic to
 * NETISR_NATM: an 8-byte pseudo header, then what af_form says.
 */
#ifndef _NATM_H_
#define _NATM_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ATM_FORM_CELL 1 /* a whole 53-byte cell: header, HEC, 48 bytes (I.361) */
#define ATM_FORM_PDU 2  /* an AAL5 CPCS-PDU with pad and trailer (I.363.5) */
#define ATM_FORM_SDU 3  /* an AAL5 payload: trailer already checked and removed */
#define ATM_FORM_OAM 4  /* the 48-byte payload of an OAM or signalling cell */

struct atm_frame {
	uint8_t af_form;
	uint8_t af_pti;  /* payload type, of CELL and OAM (I.361) */
	uint16_t af_vpi; /* host order; of a CELL, the cell's own header counts */
	uint16_t af_vci;
	uint16_t af_spare;
};

#ifdef __cplusplus
}
#endif

#endif /* !_NATM_H_ */
