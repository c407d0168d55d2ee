// Package deadpeer lets the kernel give up on a peer that acknowledges nothing for 10 s: a site
// gone dark, whose connections would else hang for a quarter of an hour.
package deadpeer
