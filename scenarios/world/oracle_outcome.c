/*
 * oracle_outcome.c - what became of the oracle's message, held against a declared truth, and in
 * words
 */
#include "scenarios/world/oracle.h"

bool oracle_agrees(enum oracle_outcome outcome, int truth)
{
    switch (outcome) {
    case ORACLE_REACHED:
        return truth == TRUTH_OPEN;
    case ORACLE_LOST:
        return truth == TRUTH_CLOSED;
    case ORACLE_REFUSED: /* of the mail, or of this client alone */
    case ORACLE_DEFERRED:
    case ORACLE_CUT:
        return truth == TRUTH_CLOSED || truth == TRUTH_UNDECIDABLE;
    case ORACLE_SILENT:
        return truth == TRUTH_UNDECIDABLE;
    }
    return false;
}

const char *oracle_outcome_name(enum oracle_outcome outcome)
{
    switch (outcome) {
    case ORACLE_REACHED:
        return "reached a mailbox";
    case ORACLE_LOST:
        return "was accepted and never arrived";
    case ORACLE_REFUSED:
        return "was refused";
    case ORACLE_DEFERRED:
        return "was deferred to the end";
    case ORACLE_CUT:
        return "was cut short";
    case ORACLE_SILENT:
        return "got no greeting";
    }
    return "?";
}
