package tree

import "errors"

// The system has no attributes.

func absentXattr(error) bool { return false }

func (h heldFile) listXattrs() ([]string, error) { return nil, errors.ErrUnsupported }

func (h heldFile) getXattr(string) ([]byte, error) { return nil, errors.ErrUnsupported }

func (h heldFile) setXattr(string, []byte) error { return errors.ErrUnsupported }

func (h heldFile) removeXattr(string) error { return errors.ErrUnsupported }
